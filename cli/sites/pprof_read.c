/* SPDX-License-Identifier: MIT */
/*
 * Unpacks a profile and checks all of it; after that its samples can be read one by one. The
 * numbers of fields are those of profile.proto; unknown fields are skipped, as the form demands.
 */
#include "sites/pprof_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/base.h"
#include "base/memory.h"
#include "base/message.h"
#include "heap/plain_file.h"
#include "sites/protobuf_read.h"

#define FILE_BYTES_MAX ((size_t)256 << 20)
#define UNPACKED_BYTES_MAX ((size_t)512 << 20)
/* The most strings, functions, locations, and samples, each: two bytes can encode one of them. */
#define COUNT_MAX ((size_t)1 << 24)
#define FRAMES_MAX 2048
/* The most frames of all samples together: a few bytes may name a location with thousands of
 * functions. */
#define ALL_FRAMES_MAX ((size_t)1 << 25)
#define TYPES_MAX 64

struct pprof_slice {
    const unsigned char *bytes;
    size_t size;
};
struct pprof_function {
    uint64_t id;
    uint64_t name; /* numbers of strings */
    uint64_t file;
};
struct pprof_location {
    uint64_t id;
    uint64_t address;
    struct pprof_slice message;
};

/* ---- lists ---- */

/* Make room for one more in a list that grows in powers of two. */
static void *grown(void *list, size_t count, size_t size)
{
    return (count & (count - 1)) == 0 ? memory_resize(list, count ? 2 * count : 1, size) : list;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

_Static_assert(offsetof(struct pprof_function, id) == 0 && offsetof(struct pprof_location, id) == 0,
               "they are compared by their first word");

static void *find_id(const void *list, size_t count, size_t size, uint64_t id)
{
    return count > 0 ? bsearch(&id, list, count, size, compare_ids) : NULL;
}

/* ---- messages ---- */

static void add_string(struct pprof_profile *profile, const struct protobuf_field *field)
{
    char *text = memory_resize(NULL, field->size + 1, 1);
    memcpy(text, field->bytes, field->size);
    text[field->size] = '\0';
    text_make_printable(text);
    profile->strings = grown(profile->strings, profile->string_count, sizeof *profile->strings);
    profile->strings[profile->string_count++] = text;
}

static bool add_function(struct pprof_profile *profile, const struct protobuf_field *message)
{
    struct protobuf_reader reader = protobuf_reader_of(message->bytes, message->size);
    struct protobuf_field field;
    struct pprof_function function = {0, 0, 0};
    while (protobuf_next(&reader, &field)) {
        if (field.number == 1)
            function.id = field.value;
        else if (field.number == 2)
            function.name = field.value;
        else if (field.number == 4)
            function.file = field.value;
    }
    profile->functions = grown(profile->functions, profile->function_count,
                               sizeof *profile->functions);
    profile->functions[profile->function_count++] = function;
    return !reader.is_bad;
}

static bool add_location(struct pprof_profile *profile, const struct protobuf_field *message)
{
    struct protobuf_reader reader = protobuf_reader_of(message->bytes, message->size);
    struct protobuf_field field;
    struct pprof_location location = {0, 0, {message->bytes, message->size}};
    while (protobuf_next(&reader, &field)) {
        if (field.number == 1)
            location.id = field.value;
        else if (field.number == 3)
            location.address = field.value;
    }
    profile->locations = grown(profile->locations, profile->location_count,
                               sizeof *profile->locations);
    profile->locations[profile->location_count++] = location;
    return !reader.is_bad;
}

static void add_sample(struct pprof_profile *profile, const struct protobuf_field *message)
{
    profile->samples = grown(profile->samples, profile->sample_count, sizeof *profile->samples);
    profile->samples[profile->sample_count++] = (struct pprof_slice){message->bytes, message->size};
}

/* The types' names come later than their numbers: `types` holds the numbers at first. */
static bool add_type(struct pprof_profile *profile, const struct protobuf_field *message,
                     uint64_t *names)
{
    struct protobuf_reader reader = protobuf_reader_of(message->bytes, message->size);
    struct protobuf_field field;
    if (profile->type_count == TYPES_MAX)
        return false;
    names[profile->type_count] = 0;
    while (protobuf_next(&reader, &field))
        if (field.number == 1)
            names[profile->type_count] = field.value;
    profile->type_count++;
    return !reader.is_bad;
}

static bool parse_top(struct pprof_profile *profile, uint64_t *names)
{
    struct protobuf_reader reader = protobuf_reader_of(profile->bytes, profile->size);
    struct protobuf_field field;
    bool is_good = true;
    while (is_good && protobuf_next(&reader, &field)) {
        bool is_message = field.bytes && profile->string_count < COUNT_MAX &&
                          profile->function_count < COUNT_MAX &&
                          profile->location_count < COUNT_MAX && profile->sample_count < COUNT_MAX;
        switch (field.number) {
        case 1: is_good = is_message && add_type(profile, &field, names); break;
        case 2: is_good = is_message; break;
        case 4: is_good = is_message && add_location(profile, &field); break;
        case 5: is_good = is_message && add_function(profile, &field); break;
        case 6: is_good = is_message; break;
        case 9: profile->time_ns = field.value; break;
        case 12: profile->period = field.value; break;
        default: break;
        }
        if (is_good && field.number == 2)
            add_sample(profile, &field);
        if (is_good && field.number == 6)
            add_string(profile, &field);
    }
    return is_good && !reader.is_bad;
}

/* ---- samples ---- */

/* Numbers that are packed, or one. */
static size_t take_numbers(const struct protobuf_field *field, uint64_t *numbers, size_t count,
                           size_t most)
{
    uint64_t number = field->value;
    if (!field->bytes) {
        if (count < most)
            numbers[count++] = number;
        return count;
    }
    struct protobuf_reader reader = protobuf_reader_of(field->bytes, field->size);
    while (count < most && protobuf_number_next(&reader, &number))
        numbers[count++] = number;
    return count;
}

/* The functions at a location, innermost first. Returns the number of frames. */
static size_t name_location(const struct pprof_profile *profile,
                            const struct pprof_location *location, struct pprof_frame *frames,
                            size_t count)
{
    struct protobuf_reader reader = protobuf_reader_of(location->message.bytes,
                                                       location->message.size);
    struct protobuf_field field;
    while (count < FRAMES_MAX && protobuf_next(&reader, &field)) {
        if (field.number != 4 || !field.bytes)
            continue;
        struct protobuf_reader line = protobuf_reader_of(field.bytes, field.size);
        struct protobuf_field part;
        const struct pprof_function *function = NULL;
        uint64_t number = 0;
        while (protobuf_next(&line, &part)) {
            if (part.number == 1)
                function = find_id(profile->functions, profile->function_count, sizeof *function,
                                   part.value);
            else if (part.number == 2)
                number = part.value;
        }
        if (function && function->name < profile->string_count &&
            function->file < profile->string_count)
            frames[count++] = (struct pprof_frame){
                profile->strings[function->name],
                profile->strings[function->file][0] ? profile->strings[function->file] : NULL,
                number < UINT32_MAX ? (uint32_t)number : 0};
    }
    return count;
}

/* A location without functions is named by its address. The text is in names[number], so that the
 * names of one stack differ in place. */
static const char *name_address(uint64_t address, char (*names)[24], size_t number)
{
    snprintf(names[number], sizeof names[number], "0x%llx", (unsigned long long)address);
    return names[number];
}

bool pprof_each(struct pprof_profile *profile, pprof_take *take, void *state)
{
    static struct pprof_frame frames[FRAMES_MAX];
    static uint64_t ids[FRAMES_MAX];
    static char names[FRAMES_MAX][24];
    profile->left = ALL_FRAMES_MAX;
    for (size_t i = 0; i < profile->sample_count; i++) {
        struct protobuf_reader reader = protobuf_reader_of(profile->samples[i].bytes,
                                                           profile->samples[i].size);
        struct protobuf_field field;
        uint64_t values[TYPES_MAX] = {0};
        size_t id_count = 0;
        size_t value_count = 0;
        size_t count = 0;
        while (protobuf_next(&reader, &field)) {
            if (field.number == 1)
                id_count = take_numbers(&field, ids, id_count, FRAMES_MAX);
            else if (field.number == 2)
                value_count = take_numbers(&field, values, value_count, TYPES_MAX);
        }
        for (size_t j = 0; j < id_count && count < FRAMES_MAX; j++) {
            const struct pprof_location *location = find_id(
                profile->locations, profile->location_count, sizeof *location, ids[j]);
            size_t before = count;
            if (location)
                count = name_location(profile, location, frames, count);
            if (count == before)
                frames[count++] = (struct pprof_frame){
                    name_address(location ? location->address : 0, names, j), NULL, 0};
        }
        if (count + 1 > profile->left)
            return false;
        profile->left -= count + 1;
        take(state, frames, count, (const int64_t *)values);
    }
    return true;
}

/* ---- the whole ---- */

bool pprof_parse(struct pprof_profile *profile, unsigned char *bytes, size_t size)
{
    uint64_t names[TYPES_MAX];
    *profile = (struct pprof_profile){.bytes = bytes, .size = size};
    if (!parse_top(profile, names) || profile->string_count == 0 || profile->type_count == 0)
        return false;
    if (profile->function_count > 0)
        qsort(profile->functions, profile->function_count, sizeof *profile->functions, compare_ids);
    if (profile->location_count > 0)
        qsort(profile->locations, profile->location_count, sizeof *profile->locations, compare_ids);
    profile->types = memory_resize(NULL, profile->type_count, sizeof *profile->types);
    for (size_t i = 0; i < profile->type_count; i++) {
        if (names[i] >= profile->string_count)
            return false;
        profile->types[i] = profile->strings[names[i]];
    }
    return true;
}

size_t pprof_type(const struct pprof_profile *profile, const char *name)
{
    size_t at = 0;
    while (at < profile->type_count && strcmp(profile->types[at], name) != 0)
        at++;
    return at;
}

void pprof_close(struct pprof_profile *profile)
{
    for (size_t i = 0; i < profile->string_count; i++)
        free(profile->strings[i]);
    free(profile->strings);
    free(profile->functions);
    free(profile->locations);
    free(profile->samples);
    free(profile->types);
    free(profile->bytes);
    *profile = (struct pprof_profile){0};
}

/* ---- files ---- */

/* zlib's number for a gzip file with the largest window. */
#define GZIP_WINDOW (15 + 16)

/* Unpack a whole gzip file; NULL: it is none, or is cut short, or too large. */
static unsigned char *unpack(unsigned char *packed, size_t packed_size, size_t *size)
{
    z_stream stream = {.next_in = packed, .avail_in = (uInt)packed_size};
    size_t room = 4 * packed_size + 4096;
    unsigned char *bytes = memory_resize(NULL, room, 1);
    int result = inflateInit2(&stream, GZIP_WINDOW);
    *size = 0;
    while (result == Z_OK && *size < UNPACKED_BYTES_MAX) {
        if (*size == room)
            bytes = memory_resize(bytes, room *= 2, 1);
        stream.next_out = bytes + *size;
        stream.avail_out = (uInt)(room - *size);
        result = inflate(&stream, Z_NO_FLUSH);
        *size = room - stream.avail_out;
    }
    inflateEnd(&stream);
    if (result == Z_STREAM_END)
        return bytes;
    free(bytes);
    return NULL;
}

/* All of a file; NULL: errno says why. */
static unsigned char *read_all(const char *path, size_t *size)
{
    struct stat status;
    int file = plain_file_open(path, &status);
    *size = file >= 0 ? (size_t)status.st_size : 0;
    if (file < 0)
        return NULL;
    unsigned char *bytes = NULL;
    errno = EFBIG;
    if (*size <= FILE_BYTES_MAX) {
        bytes = memory_resize(NULL, *size + 1, 1);
        if (!plain_file_read(file, 0, bytes, *size)) {
            free(bytes);
            bytes = NULL;
            errno = EIO;
        }
    }
    int error = errno;
    close(file);
    errno = error;
    return bytes;
}

bool pprof_is_packed(const char *path)
{
    struct stat status;
    unsigned char magic[2];
    int file = plain_file_open(path, &status);
    bool is_packed = file >= 0 && plain_file_read(file, 0, magic, sizeof magic) &&
                     magic[0] == 0x1f && magic[1] == 0x8b;
    if (file >= 0)
        close(file);
    return is_packed;
}

bool pprof_open(struct pprof_profile *profile, const char *command, const char *path)
{
    size_t packed_size;
    size_t size;
    unsigned char *packed = read_all(path, &packed_size);
    *profile = (struct pprof_profile){0};
    if (!packed) {
        cli_fail(EXIT_FAILURE, "%s: cannot read '%.200s': %s", command, path, strerror(errno));
        return false;
    }
    unsigned char *bytes = unpack(packed, packed_size, &size);
    free(packed);
    if (!bytes) {
        cli_fail(EXIT_FAILURE, "%s: '%.200s' is cut short or damaged: it cannot be unpacked",
                 command, path);
        return false;
    }
    if (pprof_parse(profile, bytes, size))
        return true;
    cli_fail(EXIT_FAILURE, "%s: '%.200s' is not a profile of pprof's form, or is damaged", command,
             path);
    pprof_close(profile);
    return false;
}
