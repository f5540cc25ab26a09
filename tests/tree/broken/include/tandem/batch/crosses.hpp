#pragma once
#include "tandem/online/trend.hpp"
