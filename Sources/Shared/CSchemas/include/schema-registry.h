#ifndef MIZZEN_SCHEMA_REGISTRY_H
#define MIZZEN_SCHEMA_REGISTRY_H

#include <protobuf-c/protobuf-c.h>

/// The descriptor of the top-level message with this full name ("core.Pod"); NULL for any other name.
/// Swift cannot take the address of an imported constant, hence this table. Descriptors live as long as the process.
const ProtobufCMessageDescriptor *mizzen_schema_named(const char *name);

#endif
