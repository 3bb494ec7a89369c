# cmake --install BUILD --prefix DIR: the program, one library made of all rooms, the headers, a pkg-config file. Any prefix, no root; the target
# `uninstall` removes what the last installation wrote.
include(GNUInstallDirs)

option(BUILD_SHARED_LIBS "libtessera as a shared library" ON)

set_target_properties(tessera PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

# A site's libraries are found at run time where they were found at link time.
set(tes_run_path INSTALL_RPATH_USE_LINK_PATH TRUE)

get_property(rooms GLOBAL PROPERTY TES_ROOMS)
get_property(kernels GLOBAL PROPERTY TES_KERNELS)
set(objects "")
foreach(part IN LISTS rooms kernels)
  list(APPEND objects $<TARGET_OBJECTS:${part}>)
endforeach()
add_library(tes_library ${objects})
target_link_libraries(tes_library PRIVATE tes_flags)
set_target_properties(tes_library PROPERTIES OUTPUT_NAME tessera VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
                      LINKER_LANGUAGE C ${tes_run_path})
set_target_properties(tessera PROPERTIES ${tes_run_path})

# ---- tessera.pc: users of the headers need PETSc, HDF5 and MPI; a static library needs all of the rest as well ----
set(requires "${PETSC_MODULE}")
set(requires_private "${SLEPC_MODULE}" "${FFTW_MODULE}" "${YAML_MODULE}")
set(cflags "")
set(libs "-L\${libdir} -ltessera")
set(libs_private "${TES_FFTW_MPI}")
foreach(folder IN LISTS MPI_C_INCLUDE_DIRS)
  string(APPEND cflags " -I${folder}")
endforeach()
string(REPLACE ";" " " mpi_libraries "${MPI_C_LIBRARIES}")
string(APPEND libs " ${mpi_libraries}")
if(TES_HDF5_FOUND)
  list(APPEND requires "${TES_HDF5_MODULE}")
else()
  foreach(folder IN LISTS HDF5_C_INCLUDE_DIRS)
    string(APPEND cflags " -I${folder}")
  endforeach()
  string(REPLACE ";" " " hdf5_libraries "${HDF5_C_LIBRARIES}")
  string(APPEND libs " ${hdf5_libraries}")
endif()
if(OPENBLAS_FOUND)
  list(APPEND requires_private openblas)
  if(LAPACK_FOUND AND LAPACK_VERSION)
    list(APPEND requires_private lapack)
  endif()
else()
  list(APPEND libs_private ${LAPACK_LIBRARIES} ${BLAS_LIBRARIES})
endif()
list(APPEND libs_private ${ZLIB_LIBRARIES} ${CMAKE_THREAD_LIBS_INIT} -l${CMAKE_DL_LIBS} -lm)
list(REMOVE_DUPLICATES libs_private)
list(JOIN requires " " TES_PC_REQUIRES)
list(JOIN requires_private " " TES_PC_REQUIRES_PRIVATE)
list(JOIN libs_private " " TES_PC_LIBS_PRIVATE)
set(TES_PC_CFLAGS "${cflags}")
set(TES_PC_LIBS "${libs}")
if(NOT BUILD_SHARED_LIBS)
  string(APPEND TES_PC_REQUIRES " ${TES_PC_REQUIRES_PRIVATE}")
  string(APPEND TES_PC_LIBS " ${TES_PC_LIBS_PRIVATE}")
  set(TES_PC_REQUIRES_PRIVATE "")
  set(TES_PC_LIBS_PRIVATE "")
endif()
# The prefix follows the file, as --prefix is chosen at installation.
file(RELATIVE_PATH TES_PC_UP "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" TES_PC_UP "${TES_PC_UP}")
configure_file(${PROJECT_SOURCE_DIR}/src/cmake/tessera.pc.in ${PROJECT_BINARY_DIR}/tessera.pc @ONLY)

install(TARGETS tessera RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS tes_library LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tessera DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN test.h EXCLUDE)
install(FILES ${PROJECT_BINARY_DIR}/tessera.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

add_custom_target(uninstall
  COMMAND ${CMAKE_COMMAND} -DMANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt -P ${PROJECT_SOURCE_DIR}/src/cmake/uninstall.cmake
  COMMENT "Removing what the last installation wrote" VERBATIM)
