# Fails when a header under ROOT/include/tandem climbs or crosses a floor, or includes what the library does without.
#
# A room may include itself and every room on a lower floor: never a higher one, never its neighbour. A header in
# detail/ belongs to whoever includes it, so it is read again for each.
cmake_minimum_required(VERSION 3.21)

set(_floor_version 0) # its own macros, included by everything
set(_floor_core 0)
set(_floor_data 1)
set(_floor_store 2)
set(_floor_evaluation 2)
set(_floor_batch 3)
set(_floor_online 3)
set(_floor_hybrid 4)
set(_floor_engine 5)
set(_floor_study 6)
set(_floor_tandem 7) # the umbrella and the opt-in edges see everything below
set(_floor_json 7)
set(_floor_xtensor 7)

# a library neither prints nor ends the program: names that stand neither in a comment nor in a text nor behind a dot
set(_before "^([^/\"]|/[^/\"]|\"[^\"]*\")*[^a-zA-Z0-9_.>]")
set(_streams cout cerr clog)
set(_calls printf fprintf vprintf puts fputs putchar perror abort exit _Exit quick_exit terminate)

# printing, std:: distributions (differ between standard libraries), and what GCC 12 does not have
set(_banned "^(iostream|random|regex|format|expected|print|source_location)$")

get_filename_component(ROOT "${ROOT}" ABSOLUTE)
set(_include "${ROOT}/include")
set(_violations "")

# includes_of(<file> <out>): the names between the quotes or brackets
function(includes_of file out)
  file(STRINGS "${file}" _lines REGEX "^[ \t]*#[ \t]*include[ \t]*[\"<]")
  list(TRANSFORM _lines REPLACE "^[ \t]*#[ \t]*include[ \t]*[\"<]([^\">]*)[\">].*" "\\1")
  set(${out} "${_lines}" PARENT_SCOPE)
endfunction()

macro(violation text)
  list(APPEND _violations "${text}")
endmacro()

# check(<header> <room>): judges the includes of header on behalf of room; detail/ headers it includes join _queue
macro(check header room)
  includes_of("${_include}/${header}" _names)
  foreach(_name ${_names})
    if(_name MATCHES "${_banned}")
      violation("${header}: <${_name}> is not for the library")
    elseif(_name MATCHES "^tandem/detail/")
      list(APPEND _queue "${_name}")
    elseif(_name MATCHES "^tandem/([a-z_]+)[/.]")
      set(_other ${CMAKE_MATCH_1})
      if(NOT DEFINED _floor_${_other})
        violation("${header}: room '${_other}' of ${_name} has no floor, give it one in tests/tree/rules.cmake")
      elseif(NOT _other STREQUAL "${room}" AND NOT _floor_${_other} LESS _floor_${room}
             AND NOT _other STREQUAL "version")
        violation("${header}: ${room} (floor ${_floor_${room}}) must not include ${_name} (floor ${_floor_${_other}})")
      endif()
    elseif(_name MATCHES "\\.hpp$" AND NOT _name MATCHES "^(nlohmann|xtensor|SQLiteCpp)/")
      violation("${header}: include ${_name} by its full path, \"tandem/room/file.hpp\"")
    endif()
  endforeach()
endmacro()

file(GLOB_RECURSE _headers RELATIVE "${_include}" "${_include}/tandem/*.hpp")
list(LENGTH _headers _count)
if(_count EQUAL 0)
  message(FATAL_ERROR "no headers under ${_include}: nothing was checked")
endif()
foreach(_header ${_headers})
  file(STRINGS "${_include}/${_header}" _first LIMIT_COUNT 1)
  if(NOT _first STREQUAL "#pragma once")
    violation("${_header}: the first line is not #pragma once")
  endif()
  foreach(_name ${_streams} ${_calls})
    set(_after "[ \t]*\\(")
    if(_name IN_LIST _streams)
      set(_after "[^a-zA-Z0-9_]")
    endif()
    file(STRINGS "${_include}/${_header}" _used LIMIT_COUNT 1 REGEX "${_before}${_name}${_after}" ENCODING UTF-8)
    if(_used)
      violation("${_header}: ${_name} is not for the library")
    endif()
  endforeach()
  if(_header MATCHES "^tandem/detail/")
    continue() # read on behalf of those who include it
  endif()
  string(REGEX REPLACE "^tandem/([a-z_]+)[/.].*" "\\1" _room "${_header}")
  if(NOT DEFINED _floor_${_room})
    violation("${_header}: room '${_room}' has no floor, give it one in tests/tree/rules.cmake")
    continue()
  endif()
  set(_queue "${_header}")
  set(_seen "")
  while(_queue)
    list(POP_FRONT _queue _next)
    if(NOT _next IN_LIST _seen AND EXISTS "${_include}/${_next}")
      list(APPEND _seen "${_next}")
      check("${_next}" "${_room}")
    endif()
  endwhile()
endforeach()

# what is compiled for every host knows core/ only, and neither Eigen nor xtensor
file(GLOB_RECURSE _sources RELATIVE "${ROOT}" "${ROOT}/src/kernels/*.?pp")
foreach(_source ${_sources})
  includes_of("${ROOT}/${_source}" _names)
  foreach(_name ${_names})
    if(_name MATCHES "^(Eigen|xtensor|nlohmann)/|^(iostream|vector|string)$" OR
       (_name MATCHES "^tandem/" AND NOT _name MATCHES "^tandem/(core/|detail/|version\\.hpp)"))
      violation("${_source}: the kernels must not include ${_name}")
    endif()
  endforeach()
endforeach()

if(_violations)
  list(REMOVE_DUPLICATES _violations)
  list(JOIN _violations "\n  " _text)
  message(FATAL_ERROR "the tree breaks its rules:\n  ${_text}")
endif()
message(STATUS "${_count} headers keep the rules")
