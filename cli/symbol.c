/* SPDX-License-Identifier: MIT */
/*
 * Where an ELF file keeps a symbol, by libelf: in the dynamic symbol table, or the static one.
 * Called by target.c. The file may be anything: libelf says what is no ELF file.
 */
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target.h"

/* The file offset of a virtual address of the file. */
static bool offset_of(Elf *elf, uint64_t address, uint64_t *offset)
{
    size_t count;
    GElf_Phdr header;
    if (elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD)
            continue;
        if (address >= header.p_vaddr && address - header.p_vaddr < header.p_filesz) {
            *offset = header.p_offset + (address - header.p_vaddr);
            return true;
        }
    }
    return false;
}

static bool find_in_section(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *symbol,
                            uint64_t *offset)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Sym entry;
    if (!data || header->sh_entsize == 0)
        return false;
    for (size_t i = 0; i < header->sh_size / header->sh_entsize; i++) {
        if (!gelf_getsym(data, (int)i, &entry))
            return false;
        const char *name = elf_strptr(elf, header->sh_link, entry.st_name);
        if (entry.st_shndx != SHN_UNDEF && name && strcmp(name, symbol) == 0)
            return offset_of(elf, entry.st_value, offset);
    }
    return false;
}

static bool find_in_elf(Elf *elf, const char *symbol, uint64_t *offset)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    while ((section = elf_nextscn(elf, section))) {
        if (!gelf_getshdr(section, &header))
            return false;
        if ((header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB) &&
            find_in_section(elf, section, &header, symbol, offset))
            return true;
    }
    return false;
}

bool symbol_find(const char *path, const char *symbol, uint64_t *file_offset)
{
    struct stat status;
    /* a core may name any path: a pipe has no other end, and a device may act when it is read */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return false;
    elf_version(EV_CURRENT);
    bool is_file = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    Elf *elf = is_file ? elf_begin(file, ELF_C_READ_MMAP, NULL) : NULL;
    bool is_found = elf && find_in_elf(elf, symbol, file_offset);
    elf_end(elf);
    close(file);
    return is_found;
}
