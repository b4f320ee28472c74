# What every target of ours is compiled with. Nothing here is exported to users of the installed
# client library; warnings-as-errors and sanitisers come from presets.
option(BELFRY_WARNINGS_AS_ERRORS "Fail the build on any warning" OFF)
set(BELFRY_SANITIZE "" CACHE STRING "Sanitisers to build with, e.g. address,undefined or thread")

add_library(belfry_options INTERFACE)
add_library(belfry::options ALIAS belfry_options)
target_compile_features(belfry_options INTERFACE cxx_std_20)
target_include_directories(belfry_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(
  belfry_options
  INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Wnon-virtual-dtor
            -Woverloaded-virtual $<$<BOOL:${BELFRY_WARNINGS_AS_ERRORS}>:-Werror>
            $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
if(BELFRY_SANITIZE)
  # GCC's flow analysis reports false maybe-uninitialized through sanitiser instrumentation.
  target_compile_options(
    belfry_options INTERFACE -fsanitize=${BELFRY_SANITIZE} -fno-omit-frame-pointer
                             $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(belfry_options INTERFACE -fsanitize=${BELFRY_SANITIZE})
endif()

find_program(BELFRY_CCACHE ccache)
if(BELFRY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${BELFRY_CCACHE})
endif()

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
