# Installs the headers, the compiled libraries and a package that find_package(tandem) and pkg-config can find (component
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
if(TARGET tandem_engine)
  list(APPEND _always tandem_engine)
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
set(TANDEM_STATIC_SQLITE OFF)
if(TARGET tandem_sqlite)
  get_target_property(_type tandem_sqlite TYPE)
  if(_type STREQUAL "STATIC_LIBRARY")
    set(TANDEM_STATIC_SQLITE ON)
  endif()
  install(TARGETS tandem_sqlite EXPORT tandem_sqliteTargets
          LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tandem_library NAMELINK_COMPONENT tandem_library
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tandem_library
          RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tandem_library)
  install(EXPORT tandem_sqliteTargets NAMESPACE tandem:: DESTINATION "${_package_dir}" COMPONENT tandem_library)
endif()
add_custom_target(tandem_library) # all that component tandem_library installs
foreach(_compiled tandem_kernels tandem_engine tandem_sqlite)
  if(TARGET ${_compiled})
    add_dependencies(tandem_library ${_compiled})
  endif()
endforeach()

configure_package_config_file(cmake/tandemConfig.cmake.in "${PROJECT_BINARY_DIR}/tandemConfig.cmake"
                              INSTALL_DESTINATION "${_package_dir}")
if(TARGET tandem_kernels OR TARGET tandem_sqlite)
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
if(TANDEM_STATIC_SQLITE AND TANDEM_HAVE_ENCRYPTION)
  install(FILES cmake/tandem_sodium.cmake DESTINATION "${_package_dir}" COMPONENT tandem_library)
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
if(TARGET tandem_engine)
  string(APPEND TANDEM_PC_CFLAGS " -DTANDEM_COMPILED_ENGINE=${TANDEM_EIGEN_ALIGNMENT}")
  string(PREPEND TANDEM_PC_LIBS "-L\${libdir} -ltandem_engine ")
endif()
string(APPEND TANDEM_PC_LIBS "${CMAKE_THREAD_LIBS_INIT}")
file(RELATIVE_PATH TANDEM_PC_PREFIX "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
file(RELATIVE_PATH TANDEM_PC_INCLUDE "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
file(RELATIVE_PATH TANDEM_PC_LIB "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}")
configure_file(cmake/tandem.pc.in "${PROJECT_BINARY_DIR}/tandem.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tandem.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
        COMPONENT tandem_library)

# a file of its own: who does not keep an engine in a file links neither it nor SQLite
if(TARGET tandem_sqlite)
  set(TANDEM_PC_SQLITE_LIBS "")
  set(TANDEM_PC_SQLITE_REQUIRES "")
  if(TANDEM_STATIC_SQLITE) # SQLiteCpp has no pkg-config file
    set(TANDEM_PC_SQLITE_LIBS " -lSQLiteCpp")
    set(TANDEM_PC_SQLITE_REQUIRES ", sqlite3")
    if(TANDEM_HAVE_ENCRYPTION)
      string(APPEND TANDEM_PC_SQLITE_REQUIRES ", libsodium")
    endif()
  endif()
  configure_file(cmake/tandem-sqlite.pc.in "${PROJECT_BINARY_DIR}/tandem-sqlite.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/tandem-sqlite.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
          COMPONENT tandem_library)
endif()
