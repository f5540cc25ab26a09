#pragma once
#include "event.hpp"
