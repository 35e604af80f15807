/* SPDX-License-Identifier: MIT */
/*
 * Where an ELF file keeps a symbol: in the dynamic symbol table, or the static one. The file may be
 * anything, and may change while it is read: every size is bounded by the file's, what is read of
 * all files by an allowance, and no memory is taken by what the file says.
 */
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target.h"

/* Headers that a file may have; the linker's own limit without extended numbering. */
#define SECTIONS_MAX ((size_t)0xff00)
#define HEADERS_MAX ((size_t)1024)
#define CHUNK ((size_t)64 << 10)
/* Names that end as the symbol's name does ("je_malloc" for "malloc"): of others, all but one. */
#define NAMES_MAX 256

/* Purpose: an open file. */
struct elf_file {
    int file;
    uint64_t size;
    uint64_t *allowance; /* bytes that may still be read */
    ElfW(Ehdr) header;
};

/* Purpose: where in a table of strings the name is. */
struct names {
    uint64_t at[NAMES_MAX];
    unsigned count;
};

static bool read_at(const struct elf_file *elf, uint64_t offset, void *into, size_t size)
{
    if (offset > elf->size || size > elf->size - offset || size > *elf->allowance)
        return false;
    *elf->allowance -= size;
    return plain_file_read(elf->file, offset, into, size);
}

/* The bytes of a section that the file can hold. */
static uint64_t section_size(const struct elf_file *elf, const ElfW(Shdr) * section)
{
    if (section->sh_type == SHT_NOBITS || section->sh_offset > elf->size)
        return 0;
    uint64_t rest = elf->size - section->sh_offset;
    return section->sh_size < rest ? section->sh_size : rest;
}

static bool read_section(const struct elf_file *elf, size_t index, ElfW(Shdr) * section)
{
    return index < SECTIONS_MAX &&
           read_at(elf, elf->header.e_shoff + index * sizeof *section, section, sizeof *section);
}

/* The file offset of a virtual address of the file. */
static bool offset_of(const struct elf_file *elf, uint64_t address, uint64_t *offset)
{
    for (size_t i = 0; i < elf->header.e_phnum && i < HEADERS_MAX; i++) {
        ElfW(Phdr) part;
        if (!read_at(elf, elf->header.e_phoff + i * sizeof part, &part, sizeof part))
            return false;
        if (part.p_type == PT_LOAD && address >= part.p_vaddr &&
            address - part.p_vaddr < part.p_filesz) {
            *offset = part.p_offset + (address - part.p_vaddr);
            return true;
        }
    }
    return false;
}

/* Find each place of `symbol` with its zero byte in a table of strings. */
static bool find_names(const struct elf_file *elf, const ElfW(Shdr) * strings, const char *symbol,
                       struct names *names)
{
    static char chunk[CHUNK];
    size_t length = strlen(symbol) + 1;
    uint64_t size = section_size(elf, strings);
    names->count = 0;
    /* chunks overlap, so that no name is cut */
    for (uint64_t at = 0; at + length <= size; at += CHUNK - length + 1) {
        size_t part = size - at < CHUNK ? size - at : CHUNK;
        if (!read_at(elf, strings->sh_offset + at, chunk, part))
            return false;
        const char *found = chunk;
        while (names->count < NAMES_MAX &&
               (found = memmem(found, part - (size_t)(found - chunk), symbol, length)))
            names->at[names->count++] = at + (uint64_t)(found++ - chunk);
    }
    return names->count > 0;
}

static bool is_named(const struct names *names, const ElfW(Sym) * symbol)
{
    for (unsigned i = 0; i < names->count; i++)
        if (names->at[i] == symbol->st_name)
            return symbol->st_shndx != SHN_UNDEF;
    return false;
}

static bool find_in_table(const struct elf_file *elf, const ElfW(Shdr) * table,
                          const struct names *names, uint64_t *offset)
{
    static ElfW(Sym) chunk[CHUNK / sizeof(ElfW(Sym))];
    uint64_t size = section_size(elf, table) / sizeof chunk[0] * sizeof chunk[0];
    for (uint64_t at = 0; at < size; at += sizeof chunk) {
        size_t part = size - at < sizeof chunk ? size - at : sizeof chunk;
        if (!read_at(elf, table->sh_offset + at, chunk, part))
            return false;
        for (size_t i = 0; i < part / sizeof chunk[0]; i++)
            if (is_named(names, &chunk[i]))
                return offset_of(elf, chunk[i].st_value, offset);
    }
    return false;
}

static bool is_readable(const struct elf_file *elf)
{
    const ElfW(Ehdr) *header = &elf->header;
    static const union {
        uint16_t word;
        unsigned char byte;
    } order = {.word = 1};
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
           header->e_ident[EI_DATA] == (order.byte ? ELFDATA2LSB : ELFDATA2MSB) &&
           header->e_shentsize == sizeof(ElfW(Shdr)) && header->e_phentsize == sizeof(ElfW(Phdr)) &&
           header->e_shoff <= elf->size && header->e_phoff <= elf->size;
}

static bool find_in_elf(struct elf_file *elf, const char *symbol, uint64_t *offset)
{
    ElfW(Shdr) table;
    ElfW(Shdr) strings;
    struct names names;
    if (!read_at(elf, 0, &elf->header, sizeof elf->header) || !is_readable(elf))
        return false;
    for (size_t i = 0; i < elf->header.e_shnum && read_section(elf, i, &table); i++)
        if ((table.sh_type == SHT_DYNSYM || table.sh_type == SHT_SYMTAB) &&
            table.sh_entsize == sizeof(ElfW(Sym)) && read_section(elf, table.sh_link, &strings) &&
            strings.sh_type == SHT_STRTAB && find_names(elf, &strings, symbol, &names) &&
            find_in_table(elf, &table, &names, offset))
            return true;
    return false;
}

bool symbol_find(const char *path, const char *symbol, uint64_t *allowance, uint64_t *file_offset)
{
    struct stat status;
    struct elf_file elf = {.file = plain_file_open(path, &status), .allowance = allowance};
    if (elf.file < 0)
        return false;
    elf.size = (uint64_t)status.st_size;
    bool is_found = find_in_elf(&elf, symbol, file_offset);
    close(elf.file);
    return is_found;
}
