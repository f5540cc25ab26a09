#pragma once
#include "tandem/online/fine.hpp"
