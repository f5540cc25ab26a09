# Configures, builds and tests the host PROJECT in WORK, with tandem from PREFIX or (TANDEM=source) from ROOT.
# A build type of its own: no NDEBUG, so that Eigen checks its alignments; -O1 because Eigen without inlining is slow.
if(TANDEM STREQUAL "source")
  set(_tandem -DTANDEM_SOURCE=${ROOT})
else()
  set(_tandem "-DCMAKE_PREFIX_PATH=${PREFIX};${PREFIX_PATH}")
  file(GLOB_RECURSE _folders LIST_DIRECTORIES ON ${PREFIX}/*)
  list(FILTER _folders INCLUDE REGEX "/pkgconfig$")
  list(JOIN _folders ":" _folders)
  set(ENV{PKG_CONFIG_PATH} "${_folders}")
endif()
file(REMOVE_RECURSE ${WORK})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${PROJECT} -B ${WORK} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
                        -DCMAKE_BUILD_TYPE=None
                        -DCMAKE_CXX_FLAGS_NONE=-O1 ${_tandem} ${OPTIONS} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure WORKING_DIRECTORY ${WORK} COMMAND_ERROR_IS_FATAL ANY)
