# Runs RULES over a tree that is wrong in every way it knows, and fails unless each wrong is named.
execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${BROKEN} -P ${RULES} RESULT_VARIABLE _failed ERROR_VARIABLE _said)
string(REGEX REPLACE "[ \n]+" " " _said "${_said}")
if(NOT _failed)
  message(FATAL_ERROR "a broken tree was accepted")
endif()
foreach(_name cout cerr clog printf fprintf vprintf puts fputs putchar perror abort exit _Exit quick_exit terminate)
  list(APPEND _endings "tandem/core/prints.hpp: ${_name} is not for the library")
endforeach()
foreach(_wrong
        ${_endings}
        "tandem/core/climbs.hpp: core (floor 0) must not include tandem/data/event.hpp (floor 1)"
        "tandem/batch/crosses.hpp: batch (floor 3) must not include tandem/online/trend.hpp (floor 3)"
        "tandem/detail/hides_impl.hpp: online (floor 3) must not include tandem/hybrid/blender.hpp (floor 4)"
        "tandem/core/prints.hpp: <iostream> is not for the library"
        "tandem/core/prints.hpp: the first line is not #pragma once"
        "tandem/data/short_path.hpp: include event.hpp by its full path"
        "tandem/cellar/new.hpp: room 'cellar' has no floor"
        "tandem/tandem.hpp: tandem/cellar/new.hpp is left out"
        "src/kernels/wide.cpp: the kernels must not include Eigen/Core")
  string(FIND "${_said}" "${_wrong}" _at)
  if(_at EQUAL -1)
    message(FATAL_ERROR "not noticed: ${_wrong}\nsaid: ${_said}")
  endif()
endforeach()
foreach(_right tandem/online/fine.hpp tandem/online/hides.hpp)
  string(FIND "${_said}" "${_right}" _at)
  if(NOT _at EQUAL -1)
    message(FATAL_ERROR "wrongly blamed: ${_right}\nsaid: ${_said}")
  endif()
endforeach()
