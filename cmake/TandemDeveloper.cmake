# Warnings and sanitizers for our own targets; never exported, and empty inside a host's build.
add_library(tandem_developer INTERFACE)
if(PROJECT_IS_TOP_LEVEL AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(tandem_developer INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
                                                    -Wnon-virtual-dtor -Wold-style-cast -Wundef)
  if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU") # a class of one source stands in another's file then
    target_compile_options(tandem_developer INTERFACE -Wno-subobject-linkage)
  endif()
  if(TANDEM_WERROR)
    target_compile_options(tandem_developer INTERFACE -Werror)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU") # GCC 12 sees these in correct uses of std::string
      target_compile_options(tandem_developer INTERFACE -Wno-error=stringop-overflow -Wno-error=restrict
                             -Wno-error=aggressive-loop-optimizations -Wno-error=array-bounds)
    endif()
  endif()
endif()
if(TANDEM_SANITIZE)
  # the whole tree, or the sanitizer sees only half of what happens
  add_compile_options(-fsanitize=${TANDEM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${TANDEM_SANITIZE})
endif()
