#pragma once
#include "tandem/data/event.hpp"
