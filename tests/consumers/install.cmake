# Installs tandem to PREFIX: the build tree BUILD, or with OPTIONS a build of its own in OWN_BUILD.
if(OPTIONS)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${ROOT} -B ${OWN_BUILD} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
                          -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG"
                          "-DCMAKE_PREFIX_PATH=${PREFIX_PATH}" -DTANDEM_BUILD_TESTS=OFF
                          -DTANDEM_BUILD_EXAMPLES=OFF -DTANDEM_BUILD_CLI=OFF ${OPTIONS} COMMAND_ERROR_IS_FATAL ANY)
  set(BUILD ${OWN_BUILD})
endif()
# whatever the install rules need is built by now in BUILD; the command is not asked for
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target tandem_library COMMAND_ERROR_IS_FATAL ANY)
# installed in one place, then moved: a package must not remember where it was made
file(REMOVE_RECURSE ${PREFIX} ${PREFIX}.made)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX}.made --component tandem_library
                COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
file(RENAME ${PREFIX}.made ${PREFIX})
