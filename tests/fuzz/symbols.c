/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: an ELF file in which a symbol is looked for. The input changes a small library
 * made by hand: acts of 7 bytes, each of which sets four bytes at a place; what is left over
 * follows at the end of the file. The first byte says how long the file is made, holes and all.
 */
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap/symbol.h"
#include "stand_ins.h"

#define ACT_BYTES 7
#define ACTS_MAX 32
#define ALLOWANCE ((uint64_t)4 << 20)
#define OFFSET 0x140

/* Purpose: a library of one symbol. */
struct library {
    Elf64_Ehdr header;
    Elf64_Phdr part;
    Elf64_Shdr sections[4];
    char names[64];
    Elf64_Sym symbols[3];
    unsigned char rest[1024];
};

static int file;
static char path[32];

static void make_library(struct library *library)
{
    *library = (struct library){
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, 1},
                   .e_type = ET_DYN,
                   .e_phoff = offsetof(struct library, part),
                   .e_shoff = offsetof(struct library, sections),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 1,
                   .e_shentsize = sizeof(Elf64_Shdr),
                   .e_shnum = 4},
        .part = {.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = 0x1000, .p_memsz = 0x1000},
        .sections = {{0},
                     {.sh_type = SHT_DYNSYM,
                      .sh_offset = offsetof(struct library, symbols),
                      .sh_size = sizeof library->symbols,
                      .sh_entsize = sizeof(Elf64_Sym),
                      .sh_link = 2},
                     {.sh_type = SHT_STRTAB,
                      .sh_offset = offsetof(struct library, names),
                      .sh_size = sizeof library->names}},
        .names = "\0other\0hakmem_root\0",
        .symbols = {{0},
                    {.st_name = 1, .st_shndx = 1, .st_value = 0x1004},
                    {.st_name = 7, .st_shndx = 1, .st_value = 0x1000 + OFFSET}},
    };
}

static bool look(const struct library *library, size_t rest, off_t size, uint64_t *offset)
{
    uint64_t allowance = ALLOWANCE;
    if (ftruncate(file, 0) != 0 ||
        pwrite(file, library, offsetof(struct library, rest) + rest, 0) < 0 ||
        ftruncate(file, size) != 0)
        abort();
    bool is_found = symbol_find(path, "hakmem_root", &allowance, offset);
    if (allowance > ALLOWANCE)
        abort();
    return is_found;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct library library;
    uint64_t offset = 0;
    fuzz_add_options(argc, argv, "-max_len=100");
    file = memfd_create("library", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    make_library(&library);
    if (!look(&library, 0, 0x2000, &offset) || offset != OFFSET)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct library library;
    uint64_t offset;
    if (size == 0)
        return 0;
    off_t length = data[0] < 64 ? (off_t)1 << (data[0] % 40) : (off_t)sizeof library;
    make_library(&library);
    data++;
    size--;
    /* place (2 bytes), where it counts from, number (4 bytes) */
    for (size_t i = 0; i < ACTS_MAX && size >= ACT_BYTES; i++) {
        size_t place = data[0] | (size_t)data[1] << 8;
        size_t room = data[2] % 2 ? offsetof(struct library, names) : sizeof library;
        memcpy((char *)&library + place % (room - 4), data + 3, 4);
        data += ACT_BYTES;
        size -= ACT_BYTES;
    }
    size_t rest = size < sizeof library.rest ? size : sizeof library.rest;
    memcpy(library.rest, data, rest);
    look(&library, rest, length, &offset);
    return 0;
}
