/* SPDX-License-Identifier: MIT */
/*
 * Reads messages of protocol buffers.
 */
#include "sites/protobuf_read.h"

/* The kinds of fields, in the lowest bits of their keys. Groups (3 and 4) are not used any more. */
enum kind { KIND_NUMBER = 0, KIND_64 = 1, KIND_BYTES = 2, KIND_32 = 5 };

struct protobuf_reader protobuf_reader_of(const unsigned char *bytes, size_t size)
{
    return (struct protobuf_reader){bytes, bytes + size, false};
}

bool protobuf_number_next(struct protobuf_reader *reader, uint64_t *number)
{
    const unsigned char *start = reader->at;
    *number = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        unsigned char byte = *reader->at++;
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    /* too long, or not whole; the end of a list is neither */
    reader->is_bad = reader->is_bad || reader->at != start;
    return false;
}

static bool skip(struct protobuf_reader *reader, size_t size)
{
    if ((size_t)(reader->end - reader->at) < size)
        return false;
    reader->at += size;
    return true;
}

static bool take_value(struct protobuf_reader *reader, unsigned kind, struct protobuf_field *field)
{
    switch (kind) {
    case KIND_NUMBER: return protobuf_number_next(reader, &field->value);
    case KIND_64: return skip(reader, 8);
    case KIND_32: return skip(reader, 4);
    case KIND_BYTES:
        if (!protobuf_number_next(reader, &field->value) ||
            field->value > (size_t)(reader->end - reader->at))
            return false;
        field->bytes = reader->at;
        field->size = (size_t)field->value;
        return skip(reader, field->size);
    default: return false;
    }
}

bool protobuf_next(struct protobuf_reader *reader, struct protobuf_field *field)
{
    uint64_t key;
    *field = (struct protobuf_field){0};
    if (reader->is_bad || reader->at == reader->end)
        return false;
    if (protobuf_number_next(reader, &key)) {
        field->number = key >> 3;
        if (take_value(reader, key & 7, field))
            return true;
    }
    reader->is_bad = true;
    return false;
}
