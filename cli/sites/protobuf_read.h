/* SPDX-License-Identifier: MIT */
/*
 * Reads messages of protocol buffers, field by field.
 */
#ifndef HAK_CLI_PROTOBUF_READ_H
#define HAK_CLI_PROTOBUF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Purpose: the rest of a message. Invariant: once it is bad it has no more fields. */
struct protobuf_reader {
    const unsigned char *at;
    const unsigned char *end;
    bool is_bad; /* a field is not whole, or of a kind that there is not */
};

struct protobuf_field {
    uint64_t number;            /* of the field */
    uint64_t value;             /* of one that is a number */
    const unsigned char *bytes; /* NULL: it is a number */
    size_t size;
};

struct protobuf_reader protobuf_reader_of(const unsigned char *bytes, size_t size);
/* The next field. False: there is none, or the message is bad. */
bool protobuf_next(struct protobuf_reader *reader, struct protobuf_field *field);
/* The next number of a packed list. */
bool protobuf_number_next(struct protobuf_reader *reader, uint64_t *number);

#endif
