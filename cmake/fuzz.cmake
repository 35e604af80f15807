# SPDX-License-Identifier: MIT
# Each tests/fuzz/F.c is a libFuzzer target: build/fuzz/F, the core, the command's parts and the
# target compiled by clang whatever the compiler of the rest, under the address and
# undefined-behaviour sanitizers. ctest runs all of them for a minute together, from a fixed seed;
# `make fuzz` each for longer, keeping what it learns.

add_custom_target(fuzz_programs)
add_dependencies(tests fuzz_programs)
file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/*.c)
if(NOT fuzz_sources OR NOT core_sources)
    return()
endif()

set(fuzz_directory ${CMAKE_BINARY_DIR}/fuzz)
# The objects of sources, compiled together in one folder: their names alone count there. What an
# earlier build has left is not among them.
function(hak_fuzz_objects list)
    list(TRANSFORM ARGN REPLACE "^.*/([^/]*)\\.c$" "\\1.o")
    list(SORT ARGN)
    set(once ${ARGN})
    list(REMOVE_DUPLICATES once)
    if(NOT "${once}" STREQUAL "${ARGN}")
        message(FATAL_ERROR "Two sources have the same name: ${ARGN}")
    endif()
    set(${list} ${ARGN} PARENT_SCOPE)
endfunction()

file(MAKE_DIRECTORY ${fuzz_directory}/core)
hak_fuzz_objects(fuzz_core_objects ${core_sources})
find_program(CLANG_PROGRAM clang)
if(CLANG_PROGRAM AND NOT DEFINED HAK_HAS_LIBFUZZER)
    file(WRITE ${fuzz_directory}/probe.c
         "int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n ? 0 : 0; }\n")
    execute_process(COMMAND ${CLANG_PROGRAM} -fsanitize=fuzzer,address probe.c -o probe
                    WORKING_DIRECTORY ${fuzz_directory} RESULT_VARIABLE status
                    OUTPUT_QUIET ERROR_QUIET)
    if(status EQUAL 0)
        set(HAK_HAS_LIBFUZZER YES CACHE INTERNAL "clang can link libFuzzer")
    endif()
endif()
if(NOT HAK_HAS_LIBFUZZER)
    message(STATUS "No clang with libFuzzer: no fuzz tests")
    return()
endif()

set(fuzz_flags -std=gnu11 -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize-recover=all -D_GNU_SOURCE -DHAK_ASSERT=1 -DHAK_SHARED=0 -DHAK_PREFIXED=1
    -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_SOURCE_DIR}/include -I${CMAKE_SOURCE_DIR}/tests)
file(GLOB fuzz_headers CONFIGURE_DEPENDS src/*/*.h include/hakmem/*.h tests/*.h tests/fuzz/*.h)
set(fuzz_core ${fuzz_directory}/libcore.a)
add_custom_command(OUTPUT ${fuzz_core}
    COMMAND ${CMAKE_COMMAND} -E rm -f ${fuzz_core}
    COMMAND ${CLANG_PROGRAM} ${fuzz_flags} -ftls-model=initial-exec -c ${core_sources}
    COMMAND ${CMAKE_AR} rcs ${fuzz_core} ${fuzz_core_objects}
    WORKING_DIRECTORY ${fuzz_directory}/core
    DEPENDS ${core_sources} ${fuzz_headers}
    COMMENT "Compiling the core for fuzzing")
add_custom_target(fuzz_core DEPENDS ${fuzz_core})

# What reads other processes: all of the command but main.c. For base/message.c stands stand_ins.h.
set(fuzz_cli ${fuzz_directory}/libcli.a)
set(fuzz_cli_sources ${cli_sources})
list(FILTER fuzz_cli_sources EXCLUDE REGEX "/main\\.c$")
set(fuzz_cli_includes -I${CMAKE_SOURCE_DIR}/cli -I${CMAKE_SOURCE_DIR}/bench
    -I${CMAKE_SOURCE_DIR}/record)
file(GLOB fuzz_cli_headers CONFIGURE_DEPENDS cli/*/*.h)
file(MAKE_DIRECTORY ${fuzz_directory}/cli)
hak_fuzz_objects(fuzz_cli_objects ${fuzz_cli_sources})
add_custom_command(OUTPUT ${fuzz_cli}
    COMMAND ${CMAKE_COMMAND} -E rm -f ${fuzz_cli}
    COMMAND ${CLANG_PROGRAM} ${fuzz_flags} ${fuzz_cli_includes} -c ${fuzz_cli_sources}
    COMMAND ${CMAKE_AR} rcs ${fuzz_cli} ${fuzz_cli_objects}
    WORKING_DIRECTORY ${fuzz_directory}/cli
    DEPENDS ${fuzz_cli_sources} ${fuzz_headers} ${fuzz_cli_headers}
    COMMENT "Compiling the command for fuzzing")
add_custom_target(fuzz_cli DEPENDS ${fuzz_cli})
list(LENGTH fuzz_sources fuzz_count)
math(EXPR fuzz_seconds "60 / ${fuzz_count}")

list(TRANSFORM cli_libraries REPLACE "^m$" "-lm" OUTPUT_VARIABLE fuzz_libraries)
foreach(source IN LISTS fuzz_sources)
    cmake_path(GET source STEM name)
    set(program ${fuzz_directory}/${name})
    add_custom_command(OUTPUT ${program}
        COMMAND ${CLANG_PROGRAM} ${fuzz_flags} ${fuzz_cli_includes} -fsanitize=fuzzer ${source}
                ${fuzz_cli} ${fuzz_core} ${fuzz_libraries} -pthread -o ${program}
        DEPENDS ${source} ${fuzz_core} ${fuzz_cli} ${fuzz_headers}
        COMMENT "Linking the fuzz target ${name}")
    add_custom_target(fuzz.${name} DEPENDS ${program})
    add_dependencies(fuzz.${name} fuzz_core fuzz_cli)
    add_dependencies(fuzz_programs fuzz.${name})
    hak_test(fuzz.${name} fuzz "" bash ${CMAKE_SOURCE_DIR}/cmake/fuzz.sh ${program}
             ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name} ${fuzz_seconds})
endforeach()
