# One static library a floor of the house (docs/design.md), one executable a test file.

set_property(GLOBAL PROPERTY AOD_FLOORS "")

# aod_floor(name BELOW floors... LIBS libraries...): library aod_<name> of src/<name>/*.c.
function(aod_floor name)
  cmake_parse_arguments(ARG "" "" "BELOW;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/src/cli/main.c)
  if(NOT sources)
    return()
  endif()
  add_library(aod_${name} STATIC ${sources})
  target_include_directories(aod_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  foreach(below ${ARG_BELOW})
    if(TARGET aod_${below})
      target_link_libraries(aod_${name} PUBLIC aod_${below})
    endif()
  endforeach()
  target_link_libraries(aod_${name} PUBLIC ${ARG_LIBS})
  set_property(GLOBAL APPEND PROPERTY AOD_FLOORS ${name})
endfunction()

# aod_embed(floor file symbol): the file's text as `const char symbol[]` in the floor's library.
function(aod_embed floor file symbol)
  if(NOT TARGET aod_${floor})
    return()
  endif()
  set(out ${CMAKE_BINARY_DIR}/embedded/${symbol}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_SOURCE_DIR}/${file} -DOUT=${out} -DSYMBOL=${symbol}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
  target_sources(aod_${floor} PRIVATE ${out})
endfunction()

# test/unit/<floor>/<name>_test.c becomes the ctest <floor>/<name>.
function(aod_unit_tests)
  get_property(floors GLOBAL PROPERTY AOD_FLOORS)
  foreach(floor ${floors})
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/unit/${floor}/*_test.c)
    foreach(test ${tests})
      get_filename_component(name ${test} NAME_WE)
      string(REGEX REPLACE "_test$" "" short ${name})
      set(target test_${floor}_${short})
      add_executable(${target} ${test})
      set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
      target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/test)
      target_compile_definitions(${target} PRIVATE
        AOD_SOURCE_DIR="${CMAKE_SOURCE_DIR}" AOD_BINARY_DIR="${CMAKE_BINARY_DIR}")
      target_link_libraries(${target} PRIVATE aod_${floor} PkgConfig::CMOCKA)
      add_test(NAME ${floor}/${short} COMMAND ${target})
    endforeach()
  endforeach()
endfunction()

# bench/<name>.c becomes the program bench_<name>, built when it is asked for.
function(aod_bench_programs)
  file(GLOB programs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.c)
  foreach(file ${programs})
    get_filename_component(name ${file} NAME_WE)
    add_executable(bench_${name} EXCLUDE_FROM_ALL ${file})
    target_link_libraries(bench_${name} PRIVATE aod_arweave)
  endforeach()
endfunction()

# test/fuzz/<name>_fuzz.c becomes the libFuzzer program fuzz_<name>.
function(aod_fuzz_targets)
  file(GLOB targets CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/fuzz/*_fuzz.c)
  foreach(file ${targets})
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" short ${name})
    add_executable(fuzz_${short} ${file})
    set_target_properties(fuzz_${short} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    get_property(floors GLOBAL PROPERTY AOD_FLOORS)
    foreach(floor ${floors})
      target_link_libraries(fuzz_${short} PRIVATE aod_${floor})
    endforeach()
    target_link_options(fuzz_${short} PRIVATE -fsanitize=fuzzer)
  endforeach()
endfunction()

# The program that runs modules for test/differential, in builds with tests and in those for fuzzing.
function(aod_differential_runner)
  add_executable(differential_run ${CMAKE_SOURCE_DIR}/test/differential/run.c)
  target_link_libraries(differential_run PRIVATE aod_vm)
  if(AOD_FUZZ)
    target_link_options(differential_run PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
