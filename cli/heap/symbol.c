/* SPDX-License-Identifier: MIT */
/*
 * Finds where an ELF file has a symbol, and to which symbol a place of the file belongs: from the
 * dynamic symbol table, or the static one. The file may contain anything, and may change while it
 * is read. So every size is bounded by the file's size, all reads together by an allowance, and no
 * number from the file decides how much memory is allocated.
 */
#include "heap/symbol.h"

#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap/plain_file.h"
#include "heap/target.h"

/* The most section headers of a file: the linker's own limit without extended numbering. */
#define SECTIONS_MAX ((size_t)0xff00)
#define HEADERS_MAX ((size_t)1024)
#define CHUNK ((size_t)64 << 10)
/* The most names that end like the symbol's name ("je_malloc" for "malloc") and are tried. */
#define NAMES_MAX 256

/* Purpose: an open file. */
struct elf_file {
    int file;
    uint64_t size;
    uint64_t *allowance; /* bytes that may still be read */
    ElfW(Ehdr) header;
};

/* Purpose: the places of the name in a table of strings. */
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

/* The size of a section, bounded by the file's size. */
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

/* Find each place of `symbol`, with its terminator, in a table of strings. */
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

static bool open_elf(struct elf_file *elf)
{
    return read_at(elf, 0, &elf->header, sizeof elf->header) && is_readable(elf);
}

/* Is this a symbol table, and does it have a table of names? */
static bool is_symbol_table(const struct elf_file *elf, const ElfW(Shdr) * table,
                            ElfW(Shdr) * strings)
{
    return (table->sh_type == SHT_DYNSYM || table->sh_type == SHT_SYMTAB) &&
           table->sh_entsize == sizeof(ElfW(Sym)) && read_section(elf, table->sh_link, strings) &&
           strings->sh_type == SHT_STRTAB;
}

static bool find_in_elf(struct elf_file *elf, const char *symbol, uint64_t *offset)
{
    ElfW(Shdr) table;
    ElfW(Shdr) strings;
    struct names names;
    if (!open_elf(elf))
        return false;
    for (size_t i = 0; i < elf->header.e_shnum && read_section(elf, i, &table); i++)
        if (is_symbol_table(elf, &table, &strings) && find_names(elf, &strings, symbol, &names) &&
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

/* ---- the symbol of a place ---- */

/* Purpose: the best symbol so far. */
struct nearest {
    uint64_t address; /* the virtual address of the place */
    ElfW(Sym) symbol;
    ElfW(Shdr) strings;
    bool is_found;
    bool is_reserved; /* its name begins with '_' */
};

/* The virtual address of a place in the file; zeroed data comes after the bytes of the file. */
static bool address_of(const struct elf_file *elf, uint64_t offset, uint64_t *address)
{
    bool is_found = false;
    for (size_t i = 0; i < elf->header.e_phnum && i < HEADERS_MAX; i++) {
        ElfW(Phdr) part;
        if (!read_at(elf, elf->header.e_phoff + i * sizeof part, &part, sizeof part))
            return is_found;
        uint64_t size = part.p_flags & PF_W ? part.p_memsz : part.p_filesz;
        if (part.p_type != PT_LOAD || offset < part.p_offset || offset - part.p_offset >= size)
            continue;
        *address = part.p_vaddr + (offset - part.p_offset);
        is_found = true;
        if (offset - part.p_offset < part.p_filesz)
            return true;
    }
    return is_found;
}

/* Does the symbol contain the place, and start nearer to it than the best symbol so far? */
static bool is_nearer(const struct nearest *nearest, const ElfW(Sym) * symbol)
{
    unsigned type = symbol->st_info & 0xf;
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_name == 0 ||
        (type != STT_FUNC && type != STT_OBJECT && type != STT_GNU_IFUNC))
        return false;
    uint64_t into = nearest->address - symbol->st_value;
    return nearest->address >= symbol->st_value && into < symbol->st_size &&
           (!nearest->is_found || symbol->st_value > nearest->symbol.st_value ||
            (symbol->st_value == nearest->symbol.st_value && nearest->is_reserved));
}

/* Of two names for one place take the one that programs use: printf, not _IO_printf. */
static void take_symbol(const struct elf_file *elf, const ElfW(Sym) * symbol,
                        const ElfW(Shdr) * strings, struct nearest *nearest)
{
    char first = '_';
    if (symbol->st_name < section_size(elf, strings))
        read_at(elf, strings->sh_offset + symbol->st_name, &first, 1);
    nearest->symbol = *symbol;
    nearest->strings = *strings;
    nearest->is_found = true;
    nearest->is_reserved = first == '_';
}

static void search_table(const struct elf_file *elf, const ElfW(Shdr) * table,
                         const ElfW(Shdr) * strings, struct nearest *nearest)
{
    static ElfW(Sym) chunk[CHUNK / sizeof(ElfW(Sym))];
    uint64_t size = section_size(elf, table) / sizeof chunk[0] * sizeof chunk[0];
    for (uint64_t at = 0; at < size; at += sizeof chunk) {
        size_t part = size - at < sizeof chunk ? size - at : sizeof chunk;
        if (!read_at(elf, table->sh_offset + at, chunk, part))
            return;
        for (size_t i = 0; i < part / sizeof chunk[0]; i++)
            if (is_nearer(nearest, &chunk[i]))
                take_symbol(elf, &chunk[i], strings, nearest);
    }
}

/* Read the name; cut it if there is no room. */
static bool read_name(const struct elf_file *elf, const struct nearest *nearest,
                      struct symbol *symbol)
{
    uint64_t size = section_size(elf, &nearest->strings);
    uint64_t at = nearest->symbol.st_name;
    if (at >= size)
        return false;
    size_t length = size - at < sizeof symbol->name - 1 ? size - at : sizeof symbol->name - 1;
    if (!read_at(elf, nearest->strings.sh_offset + at, symbol->name, length))
        return false;
    symbol->name[length] = '\0';
    target_make_printable(symbol->name);
    symbol->into = nearest->address - nearest->symbol.st_value;
    symbol->size = nearest->symbol.st_size;
    return symbol->name[0] != '\0';
}

bool symbol_at(const char *path, uint64_t file_offset, uint64_t *allowance, struct symbol *symbol)
{
    struct stat status;
    struct elf_file elf = {.file = plain_file_open(path, &status), .allowance = allowance};
    struct nearest nearest = {.is_found = false};
    ElfW(Shdr) table;
    ElfW(Shdr) strings;
    if (elf.file < 0)
        return false;
    elf.size = (uint64_t)status.st_size;
    if (open_elf(&elf) && address_of(&elf, file_offset, &nearest.address))
        for (size_t i = 0; i < elf.header.e_shnum && read_section(&elf, i, &table); i++)
            if (is_symbol_table(&elf, &table, &strings))
                search_table(&elf, &table, &strings, &nearest);
    bool is_named = nearest.is_found && read_name(&elf, &nearest, symbol);
    close(elf.file);
    return is_named;
}
