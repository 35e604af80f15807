# SPDX-License-Identifier: MIT
# The tests: each file in a folder of tests/ is one, found by glob, never listed. A test's label is
# its folder. `make test` builds them (target `tests`) and runs ctest. In the sanitizer builds there
# is no library to preload or link: unit, fault and stress run there, on the internals.
#
#   tests/unit/F.c                    cmocka programs on the layers up     unit.F
#                                     to that of the module src/*/F.c
#   tests/fault/F.c                   cmocka programs on hakmem_core       fault.F
#                                     with `// args: ...` lines, on each   fault.F.N
#   tests/stress/F.c                  on each `// args: ...` line          stress.F.N.MODE
#   tests/api/F.c, F.cpp              the interface, three ways            api.F.MODE
#   tests/abort/F.c                   `// expect: TEXT`, then SIGABRT      abort.F.MODE
#   tests/preload/F.sh                bash F.sh BUILD_DIR                  preload.F
#   tests/cli/F.sh                    the same                             cli.F
#   tests/cli/F.c                     cmocka programs on cli/ but main.c   cli.F
#   tests/bench/F.sh                  bash F.sh BUILD_DIR; label report    bench.F
#   tests/lint/F.sh                   bash F.sh SOURCE_DIR BUILD_DIR       lint.F
#   tests/fuzz/F.c                    libFuzzer targets                    fuzz.F
#   tests/soak/*.c                    one program; soak.py runs each load  soak.LOAD
#
# Modes: preload (libc's malloc linked, ours in LD_PRELOAD), profiled (the same, where each block is
# a sample), linked (libhakmem.so), archive (libhakmem.a), prefixed (the hak_* names of hakmem_core,
# HAK_PREFIXED=1), layered (a part of hakmem_core). API_LINKED is defined in the programs that have
# the library linked. A script that exits 77 has skipped its test; one with the word RUN_SERIAL in
# its comments changes the machine, and runs alone.
#
# No test's verdict depends on how fast the machine is. A test does an amount of work, not seconds of
# it, and waits for an event, not for a time. All deadlines are there to end a test that hangs: 15
# minutes for each test here, 10 minutes inside a test (tests/hang.h, HANG in the scripts).

find_library(CMOCKA_LIBRARY cmocka REQUIRED)

add_custom_target(tests)
set(preload_environment LD_PRELOAD=$<TARGET_FILE:hakmem_shared>)
set(launcher)
if(HAK_SANITIZE)
    set(sanitizer_environment ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
                              TSAN_OPTIONS=halt_on_error=1:die_after_fork=0)
    if(HAK_SANITIZE MATCHES thread)
        # The thread sanitizer has one place for mappings; randomised addresses can miss it.
        set(launcher setarch --addr-no-randomize)
    endif()
elseif(TARGET hakmem_shared)
    set(weak_names ${CMAKE_BINARY_DIR}/weak_names.h)
    set(pragmas ${symbols})
    list(FILTER pragmas INCLUDE REGEX "^(hak_|g_fb_)")
    list(TRANSFORM pragmas REPLACE "(.+)" "#pragma weak \\1\n")
    string(CONCAT pragmas ${pragmas})
    file(CONFIGURE OUTPUT ${weak_names} CONTENT "#include \"hakmem/hakmem.h\"\n${pragmas}")
    add_dependencies(tests hakmem_shared hakmem_static)
    if(TARGET hakmem_command)
        add_dependencies(tests hakmem_command hakmem_record)
    endif()
endif()

# Tests do on purpose what compilers warn of, and mean the calls that they write.
set(test_options -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
                 -fno-builtin-aligned_alloc -fno-builtin-memalign -fno-builtin-posix_memalign
                 -Wno-free-nonheap-object)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    list(APPEND test_options -Wno-use-after-free -Wno-alloc-size-larger-than
                             -Wno-mismatched-dealloc)
endif()

# Link a unit test with all objects of the layers up to that of the module of its name.
function(hak_link_layers target module)
    file(GLOB module_source CONFIGURE_DEPENDS src/*/${module}.c)
    list(LENGTH module_source count)
    if(NOT count EQUAL 1)
        message(FATAL_ERROR "tests/unit/${module}.c: ${count} modules of its name, not one")
    endif()
    cmake_path(GET module_source PARENT_PATH folder)
    cmake_path(GET folder FILENAME own_layer)
    foreach(layer IN LISTS HAK_LAYERS)
        target_link_libraries(${target} PRIVATE hakmem_${layer}_objects)
        if(layer STREQUAL own_layer)
            break()
        endif()
    endforeach()
    target_link_libraries(${target} PRIVATE Threads::Threads)
endfunction()

# The program tests/FOLDER/NAME.MODE from `source`, as the target FOLDER.NAME.MODE.
function(hak_test_program folder source mode)
    cmake_path(GET source STEM name)
    set(target ${folder}.${name}.${mode})
    add_executable(${target} EXCLUDE_FROM_ALL ${source})
    add_dependencies(tests ${target})
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_options(${target} PRIVATE ${test_options}
                           $<$<COMPILE_LANGUAGE:CXX>:-fsized-deallocation>)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}.${mode}
                          RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/${folder})
    target_compile_definitions(${target} PRIVATE HAK_SHARED=0
                               HAK_PREFIXED=$<STREQUAL:${mode},prefixed>
                               $<$<IN_LIST:${mode},linked;archive>:API_LINKED=1>)
    if("${mode}" STREQUAL "prefixed")
        target_link_libraries(${target} PRIVATE hakmem_core)
    elseif("${mode}" STREQUAL "layered")
        hak_link_layers(${target} ${name})
    elseif("${mode}" STREQUAL "linked")
        target_link_options(${target} PRIVATE -Wl,--no-as-needed)
        target_link_libraries(${target} PRIVATE hakmem_shared)
    elseif("${mode}" STREQUAL "archive")
        target_link_libraries(${target} PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,hakmem_static>")
    else()
        target_link_libraries(${target} PRIVATE Threads::Threads)
    endif()
    if("${folder}.${mode}" STREQUAL "stress.preload")
        # The names of hakmem.h that it uses are weak: they come with the preloaded library.
        target_compile_options(${target} PRIVATE -fPIC -include ${weak_names})
        target_link_options(${target} PRIVATE -Wl,-z,dynamic-undefined-weak)
    endif()
endfunction()

set(hang_seconds 900)
function(hak_test name folder environment)
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(${name} PROPERTIES LABELS ${folder} TIMEOUT ${hang_seconds}
                         SKIP_RETURN_CODE 77 ENVIRONMENT "${environment}")
endfunction()

# Run the program of a mode once with each set of arguments in `argument_lines`.
function(hak_run_program name folder mode target argument_lines)
    set(environment ${sanitizer_environment})
    if("${mode}" STREQUAL "preload")
        set(environment ${preload_environment})
    endif()
    separate_arguments(arguments UNIX_COMMAND "${argument_lines}")
    hak_test(${name} ${folder} "${environment}"
             ${launcher} $<TARGET_FILE:${target}> ${arguments})
endfunction()

# What the lines `// args: ...` of a source say, to `argument_lines`. They are read anew when the
# source changes.
function(hak_argument_lines source)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(STRINGS ${source} lines REGEX "^// args:")
    list(TRANSFORM lines REPLACE "^// args: *" "")
    set(argument_lines "${lines}" PARENT_SCOPE)
endfunction()

# ---- unit, fault ----

foreach(folder unit fault)
    set(mode prefixed)
    if(folder STREQUAL unit)
        set(mode layered)
    endif()
    file(GLOB test_sources CONFIGURE_DEPENDS tests/${folder}/*.c)
    foreach(source IN LISTS test_sources)
        cmake_path(GET source STEM name)
        set(target ${folder}.${name}.${mode})
        hak_test_program(${folder} ${source} ${mode})
        target_link_libraries(${target} PRIVATE ${CMOCKA_LIBRARY})
        hak_argument_lines(${source})
        if(NOT argument_lines)
            hak_run_program(${folder}.${name} ${folder} ${mode} ${target} "")
        endif()
        set(number 0)
        foreach(line IN LISTS argument_lines)
            math(EXPR number "${number} + 1")
            hak_run_program(${folder}.${name}.${number} ${folder} ${mode} ${target} "${line}")
        endforeach()
    endforeach()
endforeach()

# ---- stress ----

set(stress_modes preload linked)
if(HAK_SANITIZE)
    set(stress_modes prefixed)
endif()
file(GLOB test_sources CONFIGURE_DEPENDS tests/stress/*.c)
foreach(source IN LISTS test_sources)
    cmake_path(GET source STEM name)
    hak_argument_lines(${source})
    if(NOT argument_lines)
        set(argument_lines " ")
    endif()
    foreach(mode IN LISTS stress_modes)
        hak_test_program(stress ${source} ${mode})
        set(number 0)
        foreach(line IN LISTS argument_lines)
            math(EXPR number "${number} + 1")
            hak_run_program(stress.${name}.${number}.${mode} stress ${mode}
                            stress.${name}.${mode} "${line}")
        endforeach()
    endforeach()
endforeach()

if(HAK_SANITIZE)
    return()
endif()

# ---- api, abort, preload, cli ----

if(TARGET hakmem_shared)
    file(GLOB test_sources CONFIGURE_DEPENDS tests/api/*.c tests/api/*.cpp)
    # they read what the library publishes for the command
    set_source_files_properties(tests/api/profile.c tests/api/stacks.c PROPERTIES INCLUDE_DIRECTORIES
                                ${CMAKE_SOURCE_DIR}/src COMPILE_DEFINITIONS HAK_ASSERT=0)
    foreach(source IN LISTS test_sources)
        cmake_path(GET source STEM name)
        foreach(mode preload linked archive)
            hak_test_program(api ${source} ${mode})
            hak_run_program(api.${name}.${mode} api ${mode} api.${name}.${mode} "")
        endforeach()
    endforeach()

    set(cli_parts ${cli_sources})
    list(FILTER cli_parts EXCLUDE REGEX "/main\\.c$")
    add_library(hakmem_cli STATIC EXCLUDE_FROM_ALL ${cli_parts} ${shared_sources})
    target_include_directories(hakmem_cli PRIVATE cli bench record)
    target_compile_definitions(hakmem_cli PRIVATE HAK_SHARED=0)
    target_link_libraries(hakmem_cli PUBLIC ${cli_libraries})
    file(GLOB test_sources CONFIGURE_DEPENDS tests/cli/*.c)
    foreach(source IN LISTS test_sources)
        cmake_path(GET source STEM name)
        hak_test_program(cli ${source} plain)
        target_include_directories(cli.${name}.plain PRIVATE cli)
        target_link_libraries(cli.${name}.plain PRIVATE hakmem_cli ${CMOCKA_LIBRARY})
        hak_test(cli.${name} cli "" $<TARGET_FILE:cli.${name}.plain>)
    endforeach()

    file(GLOB test_sources CONFIGURE_DEPENDS tests/abort/*.c)
    foreach(source IN LISTS test_sources)
        cmake_path(GET source STEM name)
        foreach(mode preload linked)
            hak_test_program(abort ${source} ${mode})
            set(preload)
            if("${mode}" STREQUAL "preload")
                set(preload $<TARGET_FILE:hakmem_shared>)
            endif()
            hak_test(abort.${name}.${mode} abort "" bash ${CMAKE_SOURCE_DIR}/cmake/expect_abort.sh
                     ${source} $<TARGET_FILE:abort.${name}.${mode}> ${preload})
        endforeach()
        # the same where every block is a sample
        hak_test(abort.${name}.profiled abort "HAKMEM_PROFILE=1;HAKMEM_PROFILE_INTERVAL=1"
                 bash ${CMAKE_SOURCE_DIR}/cmake/expect_abort.sh ${source}
                 $<TARGET_FILE:abort.${name}.preload> $<TARGET_FILE:hakmem_shared>)
    endforeach()

    foreach(folder preload cli)
        file(GLOB test_scripts CONFIGURE_DEPENDS tests/${folder}/*.sh)
        foreach(script IN LISTS test_scripts)
            cmake_path(GET script STEM name)
            hak_test(${folder}.${name} ${folder} "" bash ${script} ${CMAKE_BINARY_DIR})
            file(STRINGS ${script} serial REGEX "RUN_SERIAL")
            if(serial)
                set_tests_properties(${folder}.${name} PROPERTIES RUN_SERIAL ON)
            endif()
        endforeach()
    endforeach()
endif()

# ---- soak: for seconds here, to see that it works; `make soak` is the real one. Linked with the
# ---- objects of the release, whose point of injection the library does not show

if(TARGET hakmem_name_objects)
    file(GLOB soak_sources CONFIGURE_DEPENDS tests/soak/*.c)
    add_executable(soak EXCLUDE_FROM_ALL ${soak_sources} ${core_objects}
                   $<TARGET_OBJECTS:hakmem_name_objects>)
    add_dependencies(tests soak)
    target_include_directories(soak PRIVATE tests bench)
    target_compile_options(soak PRIVATE ${test_options})
    target_compile_definitions(soak PRIVATE HAK_SHARED=0)
    target_link_libraries(soak PRIVATE Threads::Threads)
    set_target_properties(soak PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/soak)
    foreach(load server handover shift pins)
        hak_test(soak.${load} soak "" ${CMAKE_SOURCE_DIR}/tests/soak/soak.py ${CMAKE_BINARY_DIR}
                 --seconds 10 --load ${load} --patience 600
                 --output ${CMAKE_BINARY_DIR}/tests/soak/${load})
    endforeach()
endif()

# ---- report, lint, fuzz: of the release only; the debug build has other code on its fast path,
# ---- and the report is the same in all

if(CMAKE_BUILD_TYPE STREQUAL Release)
    file(GLOB test_scripts CONFIGURE_DEPENDS tests/bench/*.sh)
    foreach(script IN LISTS test_scripts)
        cmake_path(GET script STEM name)
        hak_test(bench.${name} report "" bash ${script} ${CMAKE_BINARY_DIR})
    endforeach()
    file(GLOB test_scripts CONFIGURE_DEPENDS tests/lint/*.sh)
    foreach(script IN LISTS test_scripts)
        cmake_path(GET script STEM name)
        hak_test(lint.${name} lint "" bash ${script} ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
    endforeach()
    include(cmake/fuzz.cmake)
endif()
