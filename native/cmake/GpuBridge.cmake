# How every target of the project is built.
include(CheckIncludeFileCXX)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_compile_options(-Wall -Wextra -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 takes "literal" + std::string for an overlapping copy (its bug 105651); can go with it.
  add_compile_options(-Wno-restrict)
endif()

if(GPUBRIDGE_SANITIZE)
  add_compile_options(-fsanitize=${GPUBRIDGE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GPUBRIDGE_SANITIZE})
endif()

# The sources in `folder` and below it, as absolute paths.
function(gpubridge_sources result folder)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc")
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# An executable in the build's bin folder.
function(gpubridge_program name)
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  target_link_libraries(${name} PRIVATE gpubridge_ring Threads::Threads)
endfunction()

# Adds each folder of backends/ as an object library and defines GPUBRIDGE_BACKEND_CPU and the like for whoever links it. A
# backend whose headers are missing is left out: the device host then answers that it has no such backend.
function(gpubridge_backends result)
  set(targets)
  foreach(name IN ITEMS cpu opencl)
    if(name STREQUAL "opencl")
      check_include_file_cxx(CL/cl.h GPUBRIDGE_OPENCL_HEADERS)
      if(NOT GPUBRIDGE_OPENCL_HEADERS)
        message(STATUS "skipped: backend opencl, CL/cl.h is missing (install opencl-headers of Debian)")
        unset(GPUBRIDGE_OPENCL_HEADERS CACHE) # Looked for again, once they are installed.
        continue()
      endif()
    endif()
    gpubridge_sources(sources backends/${name})
    set(target gpubridge_${name})
    add_library(${target} OBJECT ${sources})
    target_include_directories(${target} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    string(TOUPPER ${name} upper)
    target_compile_definitions(${target} PUBLIC GPUBRIDGE_BACKEND_${upper})
    target_link_libraries(${target} PUBLIC gpubridge_ring Threads::Threads ${CMAKE_DL_LIBS})
    list(APPEND targets ${target})
  endforeach()
  set(${result} ${targets} PARENT_SCOPE)
endfunction()
