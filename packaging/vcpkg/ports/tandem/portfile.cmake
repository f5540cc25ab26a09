# An overlay port: it builds the tree it stands in. A registry's port would fetch a release here instead.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    encryption TANDEM_ENCRYPTION
    hnsw TANDEM_HNSW
    json TANDEM_JSON
    kernels TANDEM_KERNELS
    sqlite TANDEM_SQLITE
    xtensor TANDEM_XTENSOR
)
if(NOT "kernels" IN_LIST FEATURES AND NOT "sqlite" IN_LIST FEATURES)
  set(VCPKG_BUILD_TYPE release) # headers only
endif()

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DTANDEM_BUILD_TESTS=OFF
    -DTANDEM_BUILD_EXAMPLES=OFF
    -DTANDEM_BUILD_CLI=OFF
    -DTANDEM_INSTALL=ON
    ${FEATURE_OPTIONS}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/tandem)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
if(NOT "kernels" IN_LIST FEATURES AND NOT "sqlite" IN_LIST FEATURES)
  file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib")
endif()
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
