/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: a profile in pprof's form, unpacked, as `hakmem diff` reads it. The input is
 * the file, or, when its first byte is odd, changes at single places of a good one: place (2 bytes)
 * and byte. All that it tells must be there: texts that end, lines that are numbers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sites/pprof_read.h"
#include "sites/protobuf.h"
#include "stand_ins.h"

static struct protobuf good;

static void put(struct protobuf *inner, unsigned field)
{
    protobuf_message(&good, field, inner);
}

/* Two types, three functions, two locations of which one has two functions, two samples. */
static void make_good(void)
{
    static const char *const strings[] = {"",     "inuse_space", "bytes", "inuse_objects",
                                          "main", "f",           "g",     "a.c"};
    static const uint64_t stack[] = {2, 1};
    static const uint64_t values[] = {4096, 2};
    struct protobuf inner = {0};
    struct protobuf line = {0};
    for (unsigned i = 0; i < 2; i++) {
        protobuf_number(&inner, 1, i ? 3 : 1);
        protobuf_number(&inner, 2, 2);
        put(&inner, 1);
    }
    for (unsigned i = 0; i < 2; i++) {
        protobuf_numbers(&inner, 1, stack + i, 2 - i);
        protobuf_numbers(&inner, 2, values, 2);
        put(&inner, 2);
    }
    for (unsigned i = 1; i <= 2; i++) {
        protobuf_number(&inner, 1, i);
        protobuf_number(&inner, 3, 0x1000 + i);
        for (unsigned j = 1; j <= i; j++) {
            protobuf_number(&line, 1, i + j - 1);
            protobuf_number(&line, 2, 10 * j);
            protobuf_message(&inner, 4, &line);
        }
        put(&inner, 4);
    }
    for (unsigned i = 1; i <= 3; i++) {
        protobuf_number(&inner, 1, i);
        protobuf_number(&inner, 2, 3 + i);
        protobuf_number(&inner, 4, 7);
        put(&inner, 5);
    }
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        protobuf_text(&good, 6, strings[i]);
    protobuf_free(&inner);
    protobuf_free(&line);
}

struct told {
    size_t samples;
    size_t frames;
    uint64_t sum;
};

static void take(void *state, const struct pprof_frame *frames, size_t count, const int64_t *values)
{
    struct told *told = state;
    told->samples++;
    told->frames += count;
    told->sum += (uint64_t)values[0];
    for (size_t i = 0; i < count; i++)
        told->sum += strlen(frames[i].function) + (frames[i].file ? strlen(frames[i].file) : 0) +
                     frames[i].line;
}

/* Read a profile as diff does. */
static bool look(const uint8_t *bytes, size_t size, struct told *told)
{
    struct pprof_profile profile;
    unsigned char *copy = memory_resize(NULL, size + 1, 1);
    memcpy(copy, bytes, size);
    *told = (struct told){0};
    bool is_good = pprof_parse(&profile, copy, size);
    if (is_good && pprof_type(&profile, "inuse_space") <= profile.type_count)
        pprof_each(&profile, take, told);
    pprof_close(&profile);
    return is_good;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct told told;
    fuzz_add_options(argc, argv, "-max_len=400");
    make_good();
    if (!look(good.bytes, good.size, &told) || told.samples != 2 || told.frames != 4)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct told told;
    uint8_t changed[1024];
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0 || good.size > sizeof changed) {
        look(data + 1, size - 1, &told);
        return 0;
    }
    memcpy(changed, good.bytes, good.size);
    for (size_t i = 1; i + 2 < size; i += 3)
        changed[(data[i] | (size_t)data[i + 1] << 8) % good.size] = data[i + 2];
    look(changed, good.size, &told);
    return 0;
}
