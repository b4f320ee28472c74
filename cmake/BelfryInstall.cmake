# What users of the client library get: headers, static libraries, and a CMake package, so that
# find_package(belfry) gives belfry::client. Everything is in component Development.
include(CMakePackageConfigHelpers)

set(BELFRY_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/belfry)

foreach(part wire proto tls client)
  set_target_properties(belfry_${part} PROPERTIES EXPORT_NAME ${part})
endforeach()
foreach(part wire proto)
  target_include_directories(belfry_${part} SYSTEM
                             PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

install(TARGETS belfry_wire belfry_proto belfry_tls belfry_client
        EXPORT belfryTargets
        ARCHIVE COMPONENT Development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/client/include/belfry
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT Development)
# The messages that the headers speak of; what is on disk is nobody's business.
install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/dapr
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT Development
        FILES_MATCHING PATTERN "*.pb.h")

install(EXPORT belfryTargets
        NAMESPACE belfry::
        DESTINATION ${BELFRY_CONFIG_DIR}
        COMPONENT Development)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/belfryConfig.cmake.in ${PROJECT_BINARY_DIR}/belfryConfig.cmake
  INSTALL_DESTINATION ${BELFRY_CONFIG_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/belfryConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/belfryConfig.cmake
              ${PROJECT_BINARY_DIR}/belfryConfigVersion.cmake
        DESTINATION ${BELFRY_CONFIG_DIR}
        COMPONENT Development)
