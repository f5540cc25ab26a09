#pragma once
#include "tandem/detail/hides_impl.hpp"
