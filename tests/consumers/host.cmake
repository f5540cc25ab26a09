# What the host projects share: tandem by the way under test, with the HOST_COMPONENTS it asks for, and a program that is run.
enable_testing()
if(TANDEM_SOURCE) # as FetchContent would: the source inside the host's build
  add_subdirectory(${TANDEM_SOURCE} tandem)
  foreach(_ours tandem_test_core tandem_cli tandem_headers)
    if(TARGET ${_ours})
      message(FATAL_ERROR "a host's build must not get ${_ours}")
    endif()
  endforeach()
else()
  find_package(tandem 0.1 CONFIG REQUIRED COMPONENTS ${HOST_COMPONENTS})
endif()

function(host_program name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
  target_link_libraries(${name} PRIVATE tandem::tandem)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
