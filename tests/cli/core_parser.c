/* SPDX-License-Identifier: MIT */
/*
 * Tests of heap/core_file.c on cores made by hand: segments in any order, holes, notes that are cut
 * short or lie about their length, and cores with bytes changed at random. And of base/text.c.
 */
#include "unit/unit.h"

#include <elf.h>
#include <sys/procfs.h>

#include "base/text.h"
#include "heap/core_file.h"
#include "heap/find_root.h"
#include "heap/residency.h"
#include "heap/target_read.h"
#include "parts.h"

#define SEGMENTS 4
#define NOTES_AT ((size_t)0x1000)
#define DATA_AT ((size_t)0x2000)
#define BASE ((uint64_t)0x700000000000)

/* ---- a core ---- */

static char path[64];
static unsigned char image[DATA_AT + (SEGMENTS + 1) * TARGET_PAGE];
static size_t notes_size;

static void add_note(uint32_t type, const void *text, uint32_t size)
{
    unsigned char *at = image + NOTES_AT + notes_size;
    Elf64_Nhdr head = {.n_namesz = 5, .n_descsz = size, .n_type = type};
    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), "CORE", 5);
    memcpy(at + sizeof(head) + 8, text, size);
    notes_size += sizeof(head) + 8 + (size + 3) / 4 * 4;
}

/* Two files: at BASE, one page from file offset 0x3000, and at the next page. */
static void add_file_note(uint64_t count, size_t text_size)
{
    struct {
        uint64_t count, page;
        uint64_t rows[2][3];
        char paths[16];
    } note = {count,
              TARGET_PAGE,
              {{BASE, BASE + TARGET_PAGE, 3}, {BASE + TARGET_PAGE, BASE + 2 * TARGET_PAGE, 0}},
              "/lib/a\0/bin/b"};
    add_note(NT_FILE, &note, (uint32_t)(offsetof(__typeof__(note), paths) + text_size));
}

/* A core with a page at BASE, one at BASE + 1 page, one of zeros three pages on, and one of which
 * the file has nothing; the headers in the wrong order. */
static void make_core(void)
{
    Elf64_Ehdr *header = (Elf64_Ehdr *)image;
    Elf64_Phdr *parts = (Elf64_Phdr *)(image + sizeof(*header));
    static const unsigned pages[SEGMENTS] = {4, 1, 0, 6};
    memset(image, 0, sizeof(image));
    notes_size = 0;
    memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_ident[EI_CLASS] = ELFCLASS64;
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_ident[EI_VERSION] = EV_CURRENT;
    header->e_type = ET_CORE;
    header->e_machine = EM_X86_64;
    header->e_version = EV_CURRENT;
    header->e_phoff = sizeof(*header);
    header->e_ehsize = sizeof(*header);
    header->e_phentsize = sizeof(*parts);
    header->e_phnum = SEGMENTS + 1;
    for (unsigned i = 0; i < SEGMENTS; i++)
        parts[i + 1] = (Elf64_Phdr){.p_type = PT_LOAD,
                                    .p_flags = PF_R | PF_W,
                                    .p_offset = DATA_AT + i * TARGET_PAGE,
                                    .p_vaddr = BASE + pages[i] * TARGET_PAGE,
                                    .p_filesz = pages[i] == 6 ? 0 : TARGET_PAGE,
                                    .p_memsz = TARGET_PAGE};
    memset(image + DATA_AT + TARGET_PAGE, 'b', TARGET_PAGE);
    memset(image + DATA_AT + 2 * TARGET_PAGE, 'a', TARGET_PAGE);
}

static void end_core(void)
{
    Elf64_Phdr *parts = (Elf64_Phdr *)(image + sizeof(Elf64_Ehdr));
    parts[0] = (Elf64_Phdr){
        .p_type = PT_NOTE, .p_offset = NOTES_AT, .p_filesz = notes_size, .p_align = 4};
}

static void write_core(size_t size)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fwrite(image, 1, size, file) == size);
    CHECK_EQ(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/hakmem-core-%d", (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

/* ---- tests ---- */

static void memory_is_read_as_it_lies(void **state)
{
    struct target target;
    char bytes[2 * TARGET_PAGE];
    uint8_t present[7];
    static const uint8_t expected[7] = {1, 1, 0, 0, 0, 0, 0};
    (void)state;
    make_core();
    end_core();
    write_core(sizeof(image));
    CHECK(target_open_core(&target, path));
    CHECK_EQ(target.segment_count, SEGMENTS);
    /* across two segments that follow each other */
    CHECK(target_read(&target, BASE + 10, bytes, sizeof(bytes) - 20));
    CHECK(bytes[0] == 'a' && bytes[TARGET_PAGE - 11] == 'a' && bytes[TARGET_PAGE - 10] == 'b');
    CHECK(!target_read(&target, BASE + 10, bytes, sizeof(bytes)));
    CHECK(!target_read(&target, BASE - 1, bytes, 1));
    CHECK(!target_read(&target, BASE + 6 * TARGET_PAGE, bytes, 1));
    CHECK(!target_read(&target, UINT64_MAX - 3, bytes, 8));
    target_present(&target, BASE, 7, present);
    CHECK(memcmp(present, expected, sizeof(present)) == 0);
    target_close(&target);
}

static void notes_name_files_and_the_process(void **state)
{
    struct target target;
    struct elf_prpsinfo info = {.pr_pid = 4711, .pr_fname = "a\"b\\c"};
    (void)state;
    make_core();
    add_note(NT_PRPSINFO, &info, sizeof(info));
    add_file_note(2, 14);
    end_core();
    write_core(sizeof(image));
    CHECK(target_open_core(&target, path));
    CHECK_EQ(target.pid, 4711);
    CHECK(strcmp(target.program, "a?b?c") == 0);
    CHECK_EQ(target.mapping_count, 2);
    CHECK(strcmp(target.mappings[0].path, "/lib/a") == 0);
    CHECK(strcmp(target.mappings[1].path, "/bin/b") == 0);
    CHECK_EQ(target.mappings[0].file_offset, 3 * TARGET_PAGE);
    target_close(&target);
}

/* More files than there is text for, paths without an end, a note longer than its segment. */
static void notes_that_lie(void **state)
{
    static const struct {
        uint64_t count;
        size_t text;
    } bad[] = {{3, 14}, {UINT64_MAX, 14}, {UINT64_MAX / 24 + 2, 14}, {2, 13},
               {2, 6},  {1 << 20, 0},     {(uint64_t)1 << 61, 14}};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct target target;
        make_core();
        add_file_note(bad[i].count, bad[i].text);
        if (i % 2)
            ((Elf64_Nhdr *)(image + NOTES_AT))->n_descsz += 100000;
        end_core();
        write_core(sizeof(image));
        CHECK(target_open_core(&target, path));
        CHECK(target.mapping_count <= 2);
        target_close(&target);
    }
}

static void short_and_wrong_files(void **state)
{
    struct target target;
    (void)state;
    make_core();
    end_core();
    for (size_t size = 0; size < DATA_AT + 3 * TARGET_PAGE; size += size < 400 ? 1 : 1000) {
        write_core(size);
        CHECK(!target_open_core(&target, path));
        CHECK(strstr(target.error, "cut short") || strstr(target.error, "not a core file"));
    }
    ((Elf64_Phdr *)(image + sizeof(Elf64_Ehdr)))[1].p_filesz = UINT64_MAX - 100;
    write_core(sizeof(image));
    CHECK(!target_open_core(&target, path));
    make_core();
    ((Elf64_Ehdr *)image)->e_type = ET_DYN;
    write_core(sizeof(image));
    CHECK(!target_open_core(&target, path));
    CHECK(strstr(target.error, "not a core file") != NULL);
}

static Elf64_Phdr *core_parts(void)
{
    return (Elf64_Phdr *)(image + sizeof(Elf64_Ehdr));
}

static void expect_refused(const char *words)
{
    struct target target;
    CHECK(!target_open_core(&target, path));
    if (!strstr(target.error, words))
        fail_msg("'%s' does not say '%s'", target.error, words);
}

/* One byte of a file is one byte of memory, and the other way round. */
static void segments_that_overlap(void **state)
{
    (void)state;
    make_core();
    end_core();
    core_parts()[2].p_vaddr = core_parts()[1].p_vaddr + TARGET_PAGE - 1;
    write_core(sizeof(image));
    expect_refused("is damaged: its segments overlap in memory");
    make_core();
    end_core();
    core_parts()[1].p_memsz = UINT64_MAX;
    write_core(sizeof(image));
    expect_refused("is damaged: its segments overlap in memory");
    make_core();
    end_core();
    for (unsigned i = 1; i <= SEGMENTS; i++) {
        core_parts()[i].p_vaddr = BASE + i * 16 * TARGET_PAGE;
        core_parts()[i].p_offset = DATA_AT;
        core_parts()[i].p_filesz = core_parts()[i].p_memsz = 2 * TARGET_PAGE;
    }
    write_core(sizeof(image));
    expect_refused("is damaged: its segments overlap in the file");
}

/* As many program headers as a section header can say. */
static void more_headers_than_there_are(void **state)
{
    Elf64_Shdr section = {.sh_info = UINT32_MAX};
    (void)state;
    make_core();
    end_core();
    ((Elf64_Ehdr *)image)->e_phnum = PN_XNUM;
    ((Elf64_Ehdr *)image)->e_shoff = NOTES_AT;
    memcpy(image + NOTES_AT, &section, sizeof(section));
    write_core(sizeof(image));
    expect_refused("is cut short: its headers are missing");
    CHECK_EQ(truncate(path, (off_t)1 << 40), 0);
    expect_refused("is damaged: it has more than a million segments");
    ((Elf64_Ehdr *)image)->e_shoff = UINT64_MAX - 8;
    write_core(sizeof(image));
    expect_refused("is cut short: its headers are missing");
    make_core();
    ((Elf64_Ehdr *)image)->e_phoff = UINT64_MAX - 100;
    write_core(sizeof(image));
    expect_refused("is cut short: its headers are missing");
}

/* A TiB of holes costs what its one page costs. */
static void sparse_file(void **state)
{
    struct target target;
    static uint8_t present[1 << 20];
    (void)state;
    make_core();
    end_core();
    for (unsigned i = 2; i <= SEGMENTS; i++)
        core_parts()[i].p_type = PT_NULL;
    core_parts()[1].p_vaddr = BASE;
    core_parts()[1].p_offset = DATA_AT;
    core_parts()[1].p_filesz = core_parts()[1].p_memsz = ((uint64_t)1 << 40) - DATA_AT;
    write_core(sizeof(image));
    if (truncate(path, (off_t)1 << 40) != 0)
        skip();
    CHECK(target_open_core(&target, path));
    CHECK(target_own_bytes(&target, BASE, BASE + ((uint64_t)1 << 40)) <= 64 * TARGET_PAGE);
    CHECK_EQ(target_resident_bytes(&target, BASE, BASE + ((uint64_t)1 << 40)), 2 * TARGET_PAGE);
    CHECK_EQ(target_present(&target, BASE, sizeof(present), present), 2);
    CHECK_EQ(target_find_root(&target), 0);
    target_close(&target);
}

/* Notes of more bytes than are ever read, and a file that is cut short after it was opened. */
static void notes_and_ends(void **state)
{
    struct target target;
    char bytes[TARGET_PAGE];
    (void)state;
    make_core();
    end_core();
    core_parts()[0].p_filesz = (uint64_t)1 << 39;
    write_core(sizeof(image));
    CHECK_EQ(truncate(path, (off_t)1 << 40), 0);
    CHECK(target_open_core(&target, path));
    CHECK_EQ(target.mapping_count, 0);
    CHECK(target_read(&target, BASE, bytes, sizeof(bytes)));
    CHECK_EQ(truncate(path, DATA_AT), 0);
    CHECK(!target_read(&target, BASE, bytes, sizeof(bytes)));
    CHECK_EQ(target_resident_bytes(&target, BASE, BASE + 16 * TARGET_PAGE), 0);
    target_close(&target);
}

static void random_bytes(void **state)
{
    uint64_t random = 7;
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        struct elf_prpsinfo info = {.pr_pid = 1};
        struct target target;
        char bytes[64];
        make_core();
        add_note(NT_PRPSINFO, &info, sizeof(info));
        add_file_note(2, 14);
        end_core();
        for (unsigned i = unit_random(&random, 20) + 1; i > 0; i--) {
            size_t at = unit_random(&random, 2) ? unit_random(&random, 400)
                                                : NOTES_AT + unit_random(&random, 400);
            image[at] = (unsigned char)unit_random(&random, 256);
        }
        write_core(sizeof(image));
        if (!target_open_core(&target, path))
            continue;
        for (unsigned page = 0; page < 8; page++)
            target_read(&target, BASE + page * TARGET_PAGE - 8, bytes, sizeof(bytes));
        target_find_root(&target);
        target_close(&target);
    }
}

static void figures_in_words(void **state)
{
    uint64_t number;
    (void)state;
    CHECK(strcmp(text_of_size(0).bytes, "0 B") == 0);
    CHECK(strcmp(text_of_size(1023).bytes, "1023 B") == 0);
    CHECK(strcmp(text_of_size(1024).bytes, "1.0 KiB") == 0);
    CHECK(strcmp(text_of_size(1024 * 1024 - 1).bytes, "1.0 MiB") == 0);
    CHECK(strcmp(text_of_size(UINT64_MAX).bytes, "16.0 EiB") == 0);
    CHECK(strcmp(text_of_percent(1, 8).bytes, "12.5 %") == 0);
    CHECK(strcmp(text_of_percent(1, 0).bytes, "-") == 0);
    CHECK(text_to_number("18446744073709551615", &number) && number == UINT64_MAX);
    static const char *const bad[] = {"", " 1", "1 ", "-1", "+1", "0x1", "18446744073709551616"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!text_to_number(bad[i], &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_read_as_it_lies),
        cmocka_unit_test(notes_name_files_and_the_process),
        cmocka_unit_test(notes_that_lie),
        cmocka_unit_test(short_and_wrong_files),
        cmocka_unit_test(segments_that_overlap),
        cmocka_unit_test(more_headers_than_there_are),
        cmocka_unit_test(sparse_file),
        cmocka_unit_test(notes_and_ends),
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(figures_in_words),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
