# SPDX-License-Identifier: MIT
# Each tests/fuzz/F.c is a libFuzzer target: build/fuzz/F, the core and the target compiled by clang
# whatever the compiler of the rest, under the address and undefined-behaviour sanitizers. ctest
# tries a fixed number of inputs from a fixed seed; `make fuzz` for longer, keeping what it learns.

set(fuzz_runs 15000) # about 20 seconds

add_custom_target(fuzz_programs)
add_dependencies(tests fuzz_programs)
file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/*.c)
if(NOT fuzz_sources OR NOT core_sources)
    return()
endif()

set(fuzz_directory ${CMAKE_BINARY_DIR}/fuzz)
file(MAKE_DIRECTORY ${fuzz_directory}/core)
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
    COMMAND ${CMAKE_AR} rcs ${fuzz_core} *.o
    WORKING_DIRECTORY ${fuzz_directory}/core
    DEPENDS ${core_sources} ${fuzz_headers}
    COMMENT "Compiling the core for fuzzing")
add_custom_target(fuzz_core DEPENDS ${fuzz_core})

foreach(source IN LISTS fuzz_sources)
    cmake_path(GET source STEM name)
    set(program ${fuzz_directory}/${name})
    add_custom_command(OUTPUT ${program}
        COMMAND ${CLANG_PROGRAM} ${fuzz_flags} -fsanitize=fuzzer ${source} ${fuzz_core} -pthread
                -o ${program}
        DEPENDS ${source} ${fuzz_core} ${fuzz_headers}
        COMMENT "Linking the fuzz target ${name}")
    add_custom_target(fuzz.${name} DEPENDS ${program})
    add_dependencies(fuzz.${name} fuzz_core)
    add_dependencies(fuzz_programs fuzz.${name})
    hak_test(fuzz.${name} fuzz "" bash ${CMAKE_SOURCE_DIR}/cmake/fuzz.sh ${program}
             ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name} -runs=${fuzz_runs})
endforeach()
