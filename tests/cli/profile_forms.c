/* SPDX-License-Identifier: MIT */
/*
 * Tests of what `hakmem sites` and `hakmem profile` are made of: protocol buffers by the bytes that
 * their documents give as examples, texts that are numbered, maps of compiled code, names, and
 * which functions count as the allocator's own.
 */
#include "parts.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sites/formats.h"
#include "sites/perf_map.h"
#include "sites/protobuf.h"
#include "sites/protobuf_read.h"
#include "sites/resolver.h"
#include "sites/string_table.h"
#include "sites/suppressions.h"

static void it_writes_protocol_buffers(void **state)
{
    /* the three examples of the encoding's documents: 150; "testing"; a message inside */
    static const unsigned char expected[] = {0x08, 0x96, 0x01, 0x12, 0x07, 't',  'e',  's', 't',
                                             'i',  'n',  'g',  0x1a, 0x03, 0x08, 0x96, 0x01};
    static const unsigned char packed[] = {0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05};
    static const uint64_t numbers[] = {3, 270, 86942};
    struct protobuf message = {0};
    struct protobuf inner = {0};
    (void)state;
    protobuf_number(&message, 1, 150);
    protobuf_number(&message, 9, 0); /* left out */
    protobuf_text(&message, 2, "testing");
    protobuf_number(&inner, 1, 150);
    protobuf_message(&message, 3, &inner);
    CHECK_EQ(inner.size, 0);
    CHECK_EQ(message.size, sizeof expected);
    CHECK(memcmp(message.bytes, expected, sizeof expected) == 0);
    message.size = 0;
    protobuf_numbers(&message, 6, numbers, 3);
    CHECK_EQ(message.size, sizeof packed);
    CHECK(memcmp(message.bytes, packed, sizeof packed) == 0);
    message.size = 0;
    protobuf_number(&message, 1, UINT64_MAX);
    CHECK_EQ(message.size, 11);
    CHECK_EQ(message.bytes[10], 1);
    protobuf_free(&message);
    protobuf_free(&inner);
}

static void it_reads_protocol_buffers(void **state)
{
    /* 150; "ab"; eight and four bytes, which are skipped; a packed list of 3 and 270 */
    static const unsigned char bytes[] = {0x08, 0x96, 0x01, 0x12, 0x02, 'a',  'b',  0x19, 1,
                                          2,    3,    4,    5,    6,    7,    8,    0x25, 1,
                                          2,    3,    4,    0x32, 0x03, 0x03, 0x8e, 0x02};
    struct protobuf_reader reader = protobuf_reader_of(bytes, sizeof bytes);
    struct protobuf_field field;
    uint64_t number;
    (void)state;
    CHECK(protobuf_next(&reader, &field) && field.number == 1 && field.value == 150);
    CHECK(!field.bytes);
    CHECK(protobuf_next(&reader, &field) && field.number == 2 && field.size == 2);
    CHECK(memcmp(field.bytes, "ab", 2) == 0);
    CHECK(protobuf_next(&reader, &field) && field.number == 3);
    CHECK(protobuf_next(&reader, &field) && field.number == 4);
    CHECK(protobuf_next(&reader, &field) && field.number == 6 && field.size == 3);
    struct protobuf_reader list = protobuf_reader_of(field.bytes, field.size);
    CHECK(protobuf_number_next(&list, &number) && number == 3);
    CHECK(protobuf_number_next(&list, &number) && number == 270);
    CHECK(!protobuf_number_next(&list, &number) && !list.is_bad);
    CHECK(!protobuf_next(&reader, &field) && !reader.is_bad);
    /* cut short anywhere: good up to the end of a field, else bad */
    for (size_t size = 0; size < sizeof bytes; size++) {
        reader = protobuf_reader_of(bytes, size);
        while (protobuf_next(&reader, &field))
            CHECK(reader.at <= bytes + size);
        bool is_whole = size == 0 || size == 3 || size == 7 || size == 16 || size == 21;
        CHECK(reader.is_bad != is_whole);
    }
}

static void it_refuses_wrong_protocol_buffers(void **state)
{
    static const unsigned char wrong[][12] = {
        {2, 0x0b, 0x01}, /* a group */
        {11, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
         0x01},               /* too long a number */
        {3, 0x12, 0x05, 'a'}, /* a text beyond the end */
        {2, 0x80, 0x80},      /* a number without an end */
    };
    struct protobuf_field field;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct protobuf_reader reader = protobuf_reader_of(wrong[i] + 1, wrong[i][0]);
        CHECK(!protobuf_next(&reader, &field) && reader.is_bad);
        CHECK(!protobuf_next(&reader, &field) && reader.is_bad);
    }
}

static bool is_suppressed(const char *pattern, const char *function)
{
    static struct named_stack stack;
    const struct frame frame = {.function = function};
    struct suppressions suppressions = {0};
    suppressions_add(&suppressions, pattern);
    stack.frames[0] = &frame;
    stack.count = 1;
    bool is_match = suppressions_match(&suppressions, &stack);
    free(suppressions.patterns[0]);
    free(suppressions.patterns);
    return is_match;
}

static void it_compares_functions_with_patterns(void **state)
{
    (void)state;
    CHECK(is_suppressed("f", "f") && !is_suppressed("f", "ff") && !is_suppressed("f", "g"));
    CHECK(is_suppressed("f*", "ff") && is_suppressed("*", "anything(at all)"));
    CHECK(is_suppressed("ns::f", "ns::f(int, char*)") && !is_suppressed("ns::f", "ns::fg(int)"));
    CHECK(is_suppressed("ns::f(int)", "ns::f(int)") && !is_suppressed("ns::f(int)", "ns::f(char)"));
    CHECK(is_suppressed("s::operator()", "s::operator()(int)"));
    CHECK(!is_suppressed("", "f") && is_suppressed("f[ab]", "fa") && !is_suppressed("f[ab]", "fc"));
}

static void it_numbers_texts(void **state)
{
    static char texts[5000][8];
    struct string_table table = {0};
    (void)state;
    for (size_t i = 0; i < 5000; i++) {
        snprintf(texts[i], sizeof texts[i], "%zu", i);
        CHECK_EQ(string_table_add(&table, texts[i]), i);
    }
    for (size_t i = 0; i < 5000; i++) {
        char copy[8];
        snprintf(copy, sizeof copy, "%zu", i);
        CHECK_EQ(string_table_add(&table, copy), i);
    }
    CHECK_EQ(table.count, 5000);
    string_table_free(&table);
}

static const char *found(const struct perf_map *map, uint64_t address)
{
    const char *name = perf_map_find(map, address);
    return name ? name : "";
}

static void it_reads_maps_of_compiled_code(void **state)
{
    static const char text[] = "1000 20 first\n"
                               "2000 100 LazyCompile:*run /app/a.js:3\n"
                               "zz 10 no number\n"
                               "3000 0 nothing\n"
                               "ffffffffffffffff 10 beyond the end\n"
                               "4000 10\n"
                               "1000 10 later\n"
                               "\n"
                               "5000 8 without a newline";
    char path[] = "/tmp/hakmem-perf-map.XXXXXX";
    struct perf_map map;
    (void)state;
    int file = mkstemp(path);
    CHECK(file >= 0 && write(file, text, sizeof text - 1) == (ssize_t)sizeof text - 1);
    perf_map_read_file(&map, path, getuid());
    CHECK_EQ(map.count, 4);
    CHECK(strcmp(found(&map, 0x1000), "later") == 0);
    CHECK(strcmp(found(&map, 0x1010), "first") == 0);
    CHECK(strcmp(found(&map, 0x1020), "") == 0);
    CHECK(strcmp(found(&map, 0x20ff), "LazyCompile:*run /app/a.js:3") == 0);
    CHECK(strcmp(found(&map, 0x5007), "without a newline") == 0);
    CHECK(strcmp(found(&map, 0), "") == 0 && strcmp(found(&map, UINT64_MAX), "") == 0);
    perf_map_free(&map);
    /* a stranger's file is not believed */
    if (getuid() == 0 && fchown(file, 65534, 65534) == 0) {
        perf_map_read_file(&map, path, 1000);
        CHECK_EQ(map.count, 0);
        perf_map_read_file(&map, path, 65534);
        CHECK_EQ(map.count, 4);
        perf_map_free(&map);
    }
    close(file);
    unlink(path);
    perf_map_read_file(&map, "/dev/null", 0);
    CHECK_EQ(map.count, 0);
}

static void it_writes_names_as_people_do(void **state)
{
    static const char *const names[][2] = {
        {"main", "main"},
        {"_Z11make_ordersISt6vectorIiSaIiEEET_i",
         "make_orders<std::vector<int, std::allocator<int> > >(int)"},
        {"_Znwm", "operator new(unsigned long)"},
        {"_ZNSt6vectorIiSaIiEE9push_backERKi",
         "std::vector<int, std::allocator<int> >::push_back(int const&)"},
        {"_RNvCs4fqI2P2rA04_7mycrate4main", "mycrate::main"},
        {"_ZN4core3fmt5Write9write_str17h0123456789abcdefE", "core::fmt::Write::write_str"},
        {"memcpy@@GLIBC_2.14", "memcpy"},
        {"_Znot a name", "_Znot a name"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *plain = resolver_demangle(names[i][0]);
        if (strcmp(plain, names[i][1]) != 0)
            print_error("%s: %s\n", names[i][0], plain);
        CHECK(strcmp(plain, names[i][1]) == 0);
        free(plain);
    }
}

static void it_knows_the_allocators_own(void **state)
{
    static const char *const own[] = {
        "malloc",
        "operator new(unsigned long)",
        "operator new[](unsigned long, std::align_val_t)",
        "hak_alloc_at",
        "std::__new_allocator<int>::allocate(unsigned long, void const*)",
        "std::vector<int, std::allocator<int> >::_M_allocate(unsigned long)",
        "__rust_alloc",
        "alloc::raw_vec::finish_grow",
    };
    static const char *const others[] = {"main",         "my_malloc_pool", "mallocate",
                                         "std::getline", "operator+",      ""};
    (void)state;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        CHECK(stack_is_allocator(own[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(!stack_is_allocator(others[i]));
}

static void it_knows_the_languages_library(void **state)
{
    (void)state;
    CHECK(stack_is_library("std::vector<int, std::allocator<int> >::push_back(int const&)"));
    CHECK(stack_is_library("<alloc::string::String as core::clone::Clone>::clone"));
    CHECK(stack_is_library("<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem"));
    CHECK(!stack_is_library("<shop::Order as core::clone::Clone>::clone"));
    CHECK(!stack_is_library("make_orders<std::vector<int> >(int)") && !stack_is_library("stdlib"));
}

static void it_knows_forms_by_their_ends(void **state)
{
    (void)state;
    CHECK(format_of("a.pb.gz") == format_pprof && format_of("dir.txt/a.json") == format_speedscope);
    CHECK(format_of(".folded") == format_folded && format_of("a.heap") == format_gperftools);
    CHECK(format_of("a.gz") == NULL && format_of("txt") == NULL && format_of("") == NULL);
    CHECK(format_of("a.txt/b") == NULL);
}

static void it_knows_how_long_blocks_live(void **state)
{
    struct site_view site = {.label = 0};
    (void)state;
    CHECK(site_life_ms(&site, 0.5) == 0);
    site.lifetimes[0] = 50;
    site.lifetimes[4] = 40;
    site.lifetimes[PROFILE_LIFETIMES - 1] = 10;
    CHECK(site_life_ms(&site, 0.5) == 1);
    CHECK(site_life_ms(&site, 0.9) == 16);
    CHECK(site_life_ms(&site, 1) == 0x1p31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_writes_protocol_buffers),
        cmocka_unit_test(it_reads_protocol_buffers),
        cmocka_unit_test(it_refuses_wrong_protocol_buffers),
        cmocka_unit_test(it_compares_functions_with_patterns),
        cmocka_unit_test(it_numbers_texts),
        cmocka_unit_test(it_reads_maps_of_compiled_code),
        cmocka_unit_test(it_writes_names_as_people_do),
        cmocka_unit_test(it_knows_the_allocators_own),
        cmocka_unit_test(it_knows_the_languages_library),
        cmocka_unit_test(it_knows_forms_by_their_ends),
        cmocka_unit_test(it_knows_how_long_blocks_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
