#pragma once
#include "tandem/detail/hides_impl.hpp"
#include "tandem/hybrid/blender.hpp"
