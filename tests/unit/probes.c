/* SPDX-License-Identifier: MIT */
/*
 * Tests of watch/probes.c, as a tracer sees them: the notes of this program name both probes; at
 * the addresses in them are nops, which are replaced by breakpoints here; the arguments are where
 * the notes say; and the semaphores are those that the library reads.
 */
#include "unit/unit.h"

#include "os/os.h"
#include "watch/probes.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#define STAPSDT 3 /* the type of the notes */

/* Purpose: a probe, as its note has it. */
struct probe {
    uint64_t location;
    uint64_t base;
    uint64_t semaphore;
    char provider[16];
    char name[16];
    char arguments[64];
    unsigned count; /* notes of this name */
};

static struct probe probes[2];
static uintptr_t bias;

static int find_bias(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    bias = info->dlpi_addr; /* the program is the first */
    return 1;
}

static void read_note(const char *content, const char *end)
{
    struct probe probe = {.count = 1};
    memcpy(&probe, content, 3 * sizeof(uint64_t));
    const char *text = content + 3 * sizeof(uint64_t);
    char *to[] = {probe.provider, probe.name, probe.arguments};
    size_t sizes[] = {sizeof probe.provider, sizeof probe.name, sizeof probe.arguments};
    for (size_t i = 0; i < 3 && text < end; i++, text += strlen(text) + 1)
        snprintf(to[i], sizes[i], "%s", text);
    size_t which = strcmp(probe.name, "free") == 0;
    probe.count += probes[which].count;
    probes[which] = probe;
}

static void read_section(const char *at, const char *end)
{
    while (at + sizeof(ElfW(Nhdr)) < end) {
        const ElfW(Nhdr) *note = (const void *)at;
        const char *name = at + sizeof *note;
        const char *content = name + (note->n_namesz + 3u) / 4 * 4;
        if (note->n_type == STAPSDT && strcmp(name, "stapsdt") == 0)
            read_note(content, content + note->n_descsz);
        at = content + (note->n_descsz + 3u) / 4 * 4;
    }
}

static int read_notes(void **state)
{
    (void)state;
    struct stat status;
    int file = open("/proc/self/exe", O_RDONLY);
    CHECK(file >= 0 && fstat(file, &status) == 0);
    const char *image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    CHECK(image != MAP_FAILED);
    const ElfW(Ehdr) *header = (const void *)image;
    const ElfW(Shdr) *sections = (const void *)(image + header->e_shoff);
    const char *names = image + sections[header->e_shstrndx].sh_offset;
    for (unsigned i = 0; i < header->e_shnum; i++)
        if (strcmp(names + sections[i].sh_name, ".note.stapsdt") == 0)
            read_section(image + sections[i].sh_offset,
                         image + sections[i].sh_offset + sections[i].sh_size);
    dl_iterate_phdr(find_bias, NULL);
    return 0;
}

static void there_is_one_note_of_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(probes[i].count, 1);
        CHECK(strcmp(probes[i].provider, "otel_memory") == 0);
    }
    CHECK(strcmp(probes[0].name, "alloc") == 0 && strcmp(probes[1].name, "free") == 0);
}

static void the_semaphores_are_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint16_t *semaphore = (uint16_t *)(bias + probes[i].semaphore);
        CHECK(!probes_are_heard());
        ++*semaphore;
        CHECK(probes_are_heard());
        --*semaphore;
        CHECK(!probes_are_heard());
    }
}

/* The thread sanitizer keeps signals back. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)

static struct {
    unsigned hits;
    uint64_t location;
    uint64_t arguments[3];
} trapped;

static void on_trap(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    trapped.hits++;
    trapped.location = (uint64_t)registers[REG_RIP] - 1 - bias;
    trapped.arguments[0] = (uint64_t)registers[REG_RDI];
    trapped.arguments[1] = (uint64_t)registers[REG_RSI];
    trapped.arguments[2] = (uint64_t)registers[REG_RDX];
}

static void set_breakpoint(const struct probe *probe)
{
    uint8_t *nop = (uint8_t *)(bias + probe->location);
    uintptr_t page = align_down((uintptr_t)nop, os_page_size());
    CHECK_EQ(*nop, 0x90);
    CHECK(mprotect((void *)page, os_page_size(), PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    *nop = 0xcc;
}

static void the_arguments_are_where_the_notes_say(void **state)
{
    (void)state;
    const struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    CHECK(strcmp(probes[0].arguments, "8@%rdi 8@%rsi 8@%rdx") == 0);
    CHECK(strcmp(probes[1].arguments, "8@%rdi") == 0);
    set_breakpoint(&probes[0]);
    set_breakpoint(&probes[1]);
    probe_alloc(&trapped, 112, UINT64_C(1) << 40);
    CHECK_EQ(trapped.hits, 1);
    CHECK_EQ(trapped.location, probes[0].location);
    CHECK_EQ(trapped.arguments[0], (uint64_t)(uintptr_t)&trapped);
    CHECK_EQ(trapped.arguments[1], 112);
    CHECK_EQ(trapped.arguments[2], UINT64_C(1) << 40);
    probe_free(&probes);
    CHECK_EQ(trapped.hits, 2);
    CHECK_EQ(trapped.location, probes[1].location);
    CHECK_EQ(trapped.arguments[0], (uint64_t)(uintptr_t)&probes);
}

#else

static void the_arguments_are_where_the_notes_say(void **state)
{
    (void)state;
    probe_alloc(&probes, 112, 112);
    probe_free(&probes);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_one_note_of_each),
        cmocka_unit_test(the_semaphores_are_read),
        cmocka_unit_test(the_arguments_are_where_the_notes_say),
    };
    return cmocka_run_group_tests(tests, read_notes, NULL);
}
