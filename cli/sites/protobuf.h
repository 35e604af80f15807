/* SPDX-License-Identifier: MIT */
/*
 * Writes messages of protocol buffers, by the numbers of their fields.
 */
#ifndef HAK_CLI_PROTOBUF_H
#define HAK_CLI_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

/* Purpose: a message that is being written. Begin with zero. */
struct protobuf {
    unsigned char *bytes;
    size_t size;
    size_t room;
};

/* A number; 0, which is what a missing field means, is left out. */
void protobuf_number(struct protobuf *message, unsigned field, uint64_t value);
/* A list of numbers, packed. */
void protobuf_numbers(struct protobuf *message, unsigned field, const uint64_t *values,
                      size_t count);
void protobuf_text(struct protobuf *message, unsigned field, const char *text);
/* A message inside: it is empty then, and its memory is kept for the next. */
void protobuf_message(struct protobuf *message, unsigned field, struct protobuf *inner);
void protobuf_free(struct protobuf *message);

#endif
