/* SPDX-License-Identifier: MIT */
/*
 * Writes a profile in pprof's form (profile.proto): a message of protocol buffers, packed by gzip.
 * Numbers of fields are those of that file.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "sites/formats.h"
#include "sites/protobuf.h"
#include "sites/string_table.h"

enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING_TABLE = 6,
    PROFILE_TIME_NANOS = 9,
    PROFILE_DURATION_NANOS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};
enum value_type_field { VALUE_TYPE = 1, VALUE_UNIT = 2 };
enum sample_field { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum label_field { LABEL_KEY = 1, LABEL_NUM = 3 };
enum mapping_field {
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_OFFSET = 4,
    MAPPING_FILE = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    MAPPING_HAS_FILES = 8,
    MAPPING_HAS_LINES = 9,
    MAPPING_HAS_INLINED = 10,
};
enum location_field {
    LOCATION_ID = 1,
    LOCATION_MAPPING = 2,
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4
};
enum line_field { LINE_FUNCTION = 1, LINE_LINE = 2 };
enum function_field {
    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_SYSTEM_NAME = 3,
    FUNCTION_FILE = 4
};

/* Purpose: the file that is being made. Invariant: functions are numbered by name and file, each
 * written when it is first met. */
struct pprof {
    const struct named_profile *named;
    struct protobuf whole;
    struct protobuf part;  /* of `whole` */
    struct protobuf inner; /* of `part` */
    struct string_table strings;
    struct string_table functions; /* its texts are its own */
};

static size_t string_of(struct pprof *pprof, const char *text)
{
    return string_table_add(&pprof->strings, text);
}

static void put_value_type(struct pprof *pprof, unsigned field, const char *type, const char *unit)
{
    protobuf_number(&pprof->part, VALUE_TYPE, string_of(pprof, type));
    protobuf_number(&pprof->part, VALUE_UNIT, string_of(pprof, unit));
    protobuf_message(&pprof->whole, field, &pprof->part);
}

/* ---- mappings ---- */

static void put_mappings(struct pprof *pprof, char (*build_ids)[2 * BUILD_ID_MAX + 1])
{
    const struct modules *modules = &pprof->named->symbols.modules;
    for (size_t i = 0; i < modules->count; i++) {
        const struct module *module = &modules->list[i];
        for (size_t j = 0; j < module->build_id_size; j++)
            snprintf(build_ids[i] + 2 * j, 3, "%02x", module->build_id[j]);
        protobuf_number(&pprof->part, MAPPING_ID, i + 1);
        protobuf_number(&pprof->part, MAPPING_START, module->start);
        protobuf_number(&pprof->part, MAPPING_LIMIT, module->end);
        protobuf_number(&pprof->part, MAPPING_OFFSET, module->file_offset);
        protobuf_number(&pprof->part, MAPPING_FILE, string_of(pprof, module->path));
        protobuf_number(&pprof->part, MAPPING_BUILD_ID, string_of(pprof, build_ids[i]));
        /* the names are in the profile: a reader need not look for them in files, which it may
         * lack */
        protobuf_number(&pprof->part, MAPPING_HAS_FUNCTIONS, 1);
        protobuf_number(&pprof->part, MAPPING_HAS_FILES, 1);
        protobuf_number(&pprof->part, MAPPING_HAS_LINES, 1);
        protobuf_number(&pprof->part, MAPPING_HAS_INLINED, 1);
        protobuf_message(&pprof->whole, PROFILE_MAPPING, &pprof->part);
    }
}

/* ---- functions and locations ---- */

/* The number of a function, which is written to the file if it is new. */
static uint64_t function_of(struct pprof *pprof, const struct frame *frame)
{
    char key[4200];
    const char *file = frame->file ? frame->file : "";
    snprintf(key, sizeof key, "%s\n%s", frame->function, file);
    size_t before = pprof->functions.count;
    char *copy = memory_resize(NULL, strlen(key) + 1, 1);
    strcpy(copy, key);
    uint64_t number = string_table_add(&pprof->functions, copy) + 1;
    if (pprof->functions.count == before) {
        free(copy);
        return number;
    }
    struct protobuf function = {0};
    size_t name = string_of(pprof, frame->function);
    protobuf_number(&function, FUNCTION_ID, number);
    protobuf_number(&function, FUNCTION_NAME, name);
    protobuf_number(&function, FUNCTION_SYSTEM_NAME, name);
    protobuf_number(&function, FUNCTION_FILE, string_of(pprof, file));
    protobuf_message(&pprof->whole, PROFILE_FUNCTION, &function);
    protobuf_free(&function);
    return number;
}

/* A location is an address. Its number is the index of the address among the symbols, plus 1. */
static void put_locations(struct pprof *pprof)
{
    const struct symbols *symbols = &pprof->named->symbols;
    for (size_t i = 0; i < symbols->count; i++) {
        const struct module *module = symbols->frames[symbols->first[i]].module;
        protobuf_number(&pprof->part, LOCATION_ID, i + 1);
        if (module)
            protobuf_number(&pprof->part, LOCATION_MAPPING,
                            (uint64_t)(module - symbols->modules.list) + 1);
        protobuf_number(&pprof->part, LOCATION_ADDRESS, symbols->addresses[i]);
        for (size_t j = symbols->first[i]; j < symbols->first[i + 1]; j++) {
            protobuf_number(&pprof->inner, LINE_FUNCTION, function_of(pprof, &symbols->frames[j]));
            protobuf_number(&pprof->inner, LINE_LINE, symbols->frames[j].line);
            protobuf_message(&pprof->part, LOCATION_LINE, &pprof->inner);
        }
        protobuf_message(&pprof->whole, PROFILE_LOCATION, &pprof->part);
    }
}

/* ---- samples ---- */

/* A difference of two profiles may be negative: numbers of the file are signed. */
static uint64_t round_count(double count)
{
    return (uint64_t)(int64_t)(count < 0 ? count - 0.5 : count + 0.5);
}

static void put_sample(struct pprof *pprof, const struct site_view *site)
{
    const uint64_t values[] = {round_count(site->alloc_count), site->alloc_bytes,
                               round_count(site->live_count),  site->live_bytes,
                               round_count(site->peak_count),  site->peak_bytes,
                               site_bytes(site, FIGURE_PINNED)};
    uint64_t *locations = memory_resize(NULL, site->depth + (size_t)1, sizeof *locations);
    size_t count = 0;
    for (uint32_t i = stack_first_address(pprof->named, site); i < site->depth; i++) {
        size_t number = symbols_number(&pprof->named->symbols, site->frames[i]);
        if (number < pprof->named->symbols.count)
            locations[count++] = number + 1;
    }
    protobuf_numbers(&pprof->part, SAMPLE_LOCATION_ID, locations, count);
    protobuf_numbers(&pprof->part, SAMPLE_VALUE, values, sizeof values / sizeof values[0]);
    if (site->label) {
        protobuf_number(&pprof->inner, LABEL_KEY, string_of(pprof, "label"));
        protobuf_number(&pprof->inner, LABEL_NUM, site->label);
        protobuf_message(&pprof->part, SAMPLE_LABEL, &pprof->inner);
    }
    protobuf_message(&pprof->whole, PROFILE_SAMPLE, &pprof->part);
    free(locations);
}

/* ---- the file ---- */

static void put_whole(struct pprof *pprof, const char *default_type)
{
    const struct profile_view *view = &pprof->named->view;
    string_of(pprof, ""); /* the first one must be */
    put_value_type(pprof, PROFILE_SAMPLE_TYPE, "alloc_objects", "count");
    put_value_type(pprof, PROFILE_SAMPLE_TYPE, "alloc_space", "bytes");
    put_value_type(pprof, PROFILE_SAMPLE_TYPE, "inuse_objects", "count");
    put_value_type(pprof, PROFILE_SAMPLE_TYPE, "inuse_space", "bytes");
    put_value_type(pprof, PROFILE_SAMPLE_TYPE, "peak_objects", "count");
    put_value_type(pprof, PROFILE_SAMPLE_TYPE, "peak_space", "bytes");
    put_value_type(pprof, PROFILE_SAMPLE_TYPE, "pinned_space", "bytes");
    for (size_t i = 0; i < view->site_count; i++)
        put_sample(pprof, &view->sites[i]);
    size_t modules = pprof->named->symbols.modules.count;
    char(*build_ids)[2 * BUILD_ID_MAX + 1] = memory_resize(NULL, modules + 1, sizeof *build_ids);
    memset(build_ids, 0, (modules + 1) * sizeof *build_ids);
    put_mappings(pprof, build_ids);
    put_locations(pprof);
    protobuf_number(&pprof->whole, PROFILE_TIME_NANOS, pprof->named->read_ms * 1000000);
    if (pprof->named->read_ms > view->started_ms)
        protobuf_number(&pprof->whole, PROFILE_DURATION_NANOS,
                        (pprof->named->read_ms - view->started_ms) * 1000000);
    put_value_type(pprof, PROFILE_PERIOD_TYPE, "space", "bytes");
    protobuf_number(&pprof->whole, PROFILE_PERIOD, view->interval);
    protobuf_number(&pprof->whole, PROFILE_DEFAULT_SAMPLE_TYPE, string_of(pprof, default_type));
    for (size_t i = 0; i < pprof->strings.count; i++)
        protobuf_text(&pprof->whole, PROFILE_STRING_TABLE, pprof->strings.texts[i]);
    free(build_ids);
}

/* zlib's number for a gzip file with the largest window. */
#define GZIP_WINDOW (15 + 16)
#define GZIP_MEMORY 8

static void put_gzip(FILE *out, const unsigned char *bytes, size_t size)
{
    static unsigned char packed[64 << 10];
    z_stream stream = {0};
    int result = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                              Z_DEFAULT_STRATEGY);
    while (result == Z_OK) {
        /* zlib counts in 32 bits */
        size_t part = size < ((size_t)1 << 30) ? size : (size_t)1 << 30;
        if (stream.avail_in == 0) {
            stream.next_in = (unsigned char *)bytes;
            stream.avail_in = (uInt)part;
            bytes += part;
            size -= part;
        }
        stream.next_out = packed;
        stream.avail_out = sizeof packed;
        result = deflate(&stream, size == 0 ? Z_FINISH : Z_NO_FLUSH);
        fwrite(packed, 1, sizeof packed - stream.avail_out, out);
    }
    deflateEnd(&stream);
}

void format_pprof(FILE *out, const struct named_profile *named, enum figure figure)
{
    static const char *const default_types[] = {
        [FIGURE_LIVE] = "inuse_space",     [FIGURE_ALLOCATED] = "alloc_space",
        [FIGURE_PEAK] = "peak_space",      [FIGURE_PINNED] = "pinned_space",
        [FIGURE_LIFETIME] = "alloc_space",
    };
    struct pprof pprof = {.named = named};
    /* all figures are in the file; this one is shown first */
    put_whole(&pprof, default_types[figure]);
    put_gzip(out, pprof.whole.bytes, pprof.whole.size);
    for (size_t i = 0; i < pprof.functions.count; i++)
        free((char *)pprof.functions.texts[i]);
    string_table_free(&pprof.functions);
    string_table_free(&pprof.strings);
    protobuf_free(&pprof.whole);
    protobuf_free(&pprof.part);
    protobuf_free(&pprof.inner);
}
