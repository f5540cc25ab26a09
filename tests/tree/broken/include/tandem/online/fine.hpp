#pragma once
#include <vector>
#include "tandem/data/event.hpp"
#include "tandem/online/hides.hpp"
#include "tandem/version.hpp"
