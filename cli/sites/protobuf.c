/* SPDX-License-Identifier: MIT */
/*
 * Writes messages of protocol buffers.
 */
#include "sites/protobuf.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The kinds of fields, in the lowest bits of their keys. */
#define KIND_NUMBER 0
#define KIND_BYTES 2
/* Bytes of the longest number. */
#define NUMBER_BYTES 10

static void make_room(struct protobuf *message, size_t size)
{
    if (message->room - message->size >= size)
        return;
    message->room = 2 * message->room + size;
    message->bytes = memory_resize(message->bytes, message->room, 1);
}

static void put_number(struct protobuf *message, uint64_t value)
{
    make_room(message, NUMBER_BYTES);
    for (; value >= 0x80; value >>= 7)
        message->bytes[message->size++] = (unsigned char)(value | 0x80);
    message->bytes[message->size++] = (unsigned char)value;
}

static void put_key(struct protobuf *message, unsigned field, unsigned kind)
{
    put_number(message, field << 3 | kind);
}

static void put_bytes(struct protobuf *message, unsigned field, const void *bytes, size_t size)
{
    put_key(message, field, KIND_BYTES);
    put_number(message, size);
    make_room(message, size);
    if (size > 0)
        memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

void protobuf_number(struct protobuf *message, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    put_key(message, field, KIND_NUMBER);
    put_number(message, value);
}

void protobuf_numbers(struct protobuf *message, unsigned field, const uint64_t *values,
                      size_t count)
{
    struct protobuf packed = {0};
    for (size_t i = 0; i < count; i++)
        put_number(&packed, values[i]);
    if (count > 0)
        put_bytes(message, field, packed.bytes, packed.size);
    protobuf_free(&packed);
}

void protobuf_text(struct protobuf *message, unsigned field, const char *text)
{
    put_bytes(message, field, text, strlen(text));
}

void protobuf_message(struct protobuf *message, unsigned field, struct protobuf *inner)
{
    put_bytes(message, field, inner->bytes, inner->size);
    inner->size = 0;
}

void protobuf_free(struct protobuf *message)
{
    free(message->bytes);
    *message = (struct protobuf){0};
}
