# How the rooms of the house are built: one static library per folder, which lists exactly the folders it may call.
include(CheckCCompilerFlag)

execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE TES_GIT_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT TES_GIT_REVISION)
  set(TES_GIT_REVISION unknown)
endif()

# -ffp-contract=off: the baseline gives the same bits with every compiler; kernels that are compiled for FMA ask for it by the target property
# TES_CONTRACT (an option of their own would stand before these and be overruled).
add_library(tes_flags INTERFACE)
target_include_directories(tes_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_include_directories(tes_flags SYSTEM INTERFACE ${TES_RANDOM123} ${TES_FFTW_MPI_INCLUDE})
target_compile_definitions(tes_flags INTERFACE _GNU_SOURCE)
target_compile_options(tes_flags INTERFACE -Wall -Wextra -Wshadow -Wstrict-prototypes $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> -fno-math-errno
                       $<IF:$<BOOL:$<TARGET_PROPERTY:TES_CONTRACT>>,-ffp-contract=fast,-ffp-contract=off> $<$<BOOL:${TES_WERROR}>:-Werror>)
target_link_libraries(tes_flags INTERFACE MPI::MPI_C PkgConfig::SLEPC PkgConfig::PETSC ${TES_HDF5} PkgConfig::YAML ${TES_FFTW_MPI} PkgConfig::FFTW
                      ${TES_BLAS} ZLIB::ZLIB Threads::Threads ${CMAKE_DL_LIBS} m)
if(TES_SANITIZE)
  target_compile_options(tes_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  # A dlclose that does nothing: Open MPI's plug-ins stay mapped, so the leak report can name them and the suppressions apply. As a whole archive,
  # since the sanitizer's own library offers a dlclose as well.
  add_library(tes_no_dlclose STATIC ${PROJECT_SOURCE_DIR}/tests/support/no_dlclose.c)
  target_link_options(tes_flags INTERFACE -fsanitize=address,undefined -Wl,--export-dynamic-symbol=dlclose
                      -Wl,--whole-archive,$<TARGET_FILE:tes_no_dlclose>,--no-whole-archive)
  target_link_libraries(tes_flags INTERFACE tes_no_dlclose)
else()
  target_compile_options(tes_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()

set_property(GLOBAL PROPERTY TES_ROOMS "")    # what libtessera is made from
set_property(GLOBAL PROPERTY TES_KERNELS "")  # object libraries of kernels: $<TARGET_OBJECTS:room> does not hold them

# tes_room(name SOURCES a.c b.c CALLS core deck): library tes_<name>
function(tes_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;CALLS" ${ARGN})
  add_library(tes_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(tes_${name} PUBLIC tes_flags)
  foreach(called IN LISTS ROOM_CALLS)
    target_link_libraries(tes_${name} PUBLIC tes_${called})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY TES_ROOMS tes_${name})
endfunction()

# x86-64-v3 is AVX2 and FMA, v4 AVX-512 as well; compilers before gcc 11 and clang 12 know only their parts
check_c_compiler_flag(-march=x86-64-v3 TES_HAS_MARCH_V3)
if(TES_HAS_MARCH_V3)
  set(TES_V3_FLAGS -march=x86-64-v3)
  set(TES_V4_FLAGS -march=x86-64-v4)
else()
  set(TES_V3_FLAGS -mavx2 -mfma -mbmi -mbmi2 -mf16c -mlzcnt -mmovbe)
  set(TES_V4_FLAGS ${TES_V3_FLAGS} -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl)
endif()
list(APPEND TES_V4_FLAGS -mprefer-vector-width=512)

# tes_kernels(room file.c...): compile a file of kernels once per instruction set (include/tessera/isa.h)
function(tes_kernels room)
  set(variants baseline)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND variants v3 v4)
  endif()
  foreach(file IN LISTS ARGN)
    get_filename_component(stem ${file} NAME_WE)
    foreach(variant IN LISTS variants)
      set(target tes_${room}_${stem}_${variant})
      add_library(${target} OBJECT ${file})
      target_link_libraries(${target} PRIVATE tes_flags)
      target_compile_definitions(${target} PRIVATE TES_KERNEL_SUFFIX=${variant})
      if(NOT variant STREQUAL baseline)
        string(TOUPPER ${variant} upper)
        target_compile_options(${target} PRIVATE ${TES_${upper}_FLAGS})
        set_target_properties(${target} PROPERTIES TES_CONTRACT ON)
      endif()
      target_sources(tes_${room} PRIVATE $<TARGET_OBJECTS:${target}>)
      set_property(GLOBAL APPEND PROPERTY TES_KERNELS ${target})
    endforeach()
  endforeach()
endfunction()
