#pragma once
// The version of tandem: the single source, read by CMake too.

#define TANDEM_VERSION_MAJOR 0
#define TANDEM_VERSION_MINOR 1
#define TANDEM_VERSION_PATCH 0

/// True when this tandem is at least x.y.z, for use in #if.
#define TANDEM_VERSION_AT_LEAST(x, y, z) \
  (TANDEM_VERSION_MAJOR * 1000000 + TANDEM_VERSION_MINOR * 1000 + TANDEM_VERSION_PATCH >= (x)*1000000 + (y)*1000 + (z))

#define TANDEM_VERSION_STRING "0.1.0"
