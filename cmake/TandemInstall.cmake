# Installs the headers, the kernels and a package that find_package(tandem) and pkg-config can find (component
# tandem_library). The command's own rule is in src/cli.
include(CMakePackageConfigHelpers)
set(_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tandem")

install(DIRECTORY include/tandem DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT tandem_library
        FILES_MATCHING PATTERN "*.hpp")

# One export set for what always comes along, one for each edge: a host loads only the edges it asks for.
set(_always tandem)
set(TANDEM_STATIC_KERNELS OFF)
if(TARGET tandem_kernels)
  list(APPEND _always tandem_kernels)
  get_target_property(_type tandem_kernels TYPE)
  if(_type STREQUAL "STATIC_LIBRARY")
    set(TANDEM_STATIC_KERNELS ON)
  endif()
endif()
install(TARGETS ${_always} EXPORT tandemTargets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tandem_library NAMELINK_COMPONENT tandem_library
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tandem_library
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tandem_library)
install(EXPORT tandemTargets NAMESPACE tandem:: DESTINATION "${_package_dir}" COMPONENT tandem_library)
foreach(_edge json xtensor hnsw)
  if(TARGET tandem_${_edge})
    install(TARGETS tandem_${_edge} EXPORT tandem_${_edge}Targets)
    install(EXPORT tandem_${_edge}Targets NAMESPACE tandem:: DESTINATION "${_package_dir}" COMPONENT tandem_library)
  endif()
endforeach()
add_custom_target(tandem_library) # all that component tandem_library installs
if(TARGET tandem_kernels)
  add_dependencies(tandem_library tandem_kernels)
endif()

configure_package_config_file(cmake/tandemConfig.cmake.in "${PROJECT_BINARY_DIR}/tandemConfig.cmake"
                              INSTALL_DESTINATION "${_package_dir}")
if(TARGET tandem_kernels)
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/tandemConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
else() # headers only: one installation serves every architecture
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/tandemConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                   ARCH_INDEPENDENT)
endif()
install(FILES "${PROJECT_BINARY_DIR}/tandemConfig.cmake" "${PROJECT_BINARY_DIR}/tandemConfigVersion.cmake"
        DESTINATION "${_package_dir}" COMPONENT tandem_library)
if(TARGET tandem_hnsw)
  install(FILES cmake/tandem_hnswlib.cmake DESTINATION "${_package_dir}" COMPONENT tandem_library)
endif()

# -- pkg-config: paths relative to the file, so that the installed tree may be moved -------------------------------------
set(TANDEM_PC_REQUIRES "eigen3 >= 3.4")
set(TANDEM_PC_CFLAGS "")
set(TANDEM_PC_LIBS "")
if(TARGET tandem_kernels)
  set(TANDEM_PC_CFLAGS " -DTANDEM_COMPILED_KERNELS=1")
  set(TANDEM_PC_LIBS "-L\${libdir} -ltandem_kernels ")
  if(TANDEM_STATIC_KERNELS)
    string(APPEND TANDEM_PC_REQUIRES ", libhwy")
  endif()
endif()
string(APPEND TANDEM_PC_LIBS "${CMAKE_THREAD_LIBS_INIT}")
file(RELATIVE_PATH TANDEM_PC_PREFIX "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
file(RELATIVE_PATH TANDEM_PC_INCLUDE "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
file(RELATIVE_PATH TANDEM_PC_LIB "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}")
configure_file(cmake/tandem.pc.in "${PROJECT_BINARY_DIR}/tandem.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tandem.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
        COMPONENT tandem_library)
