/* SPDX-License-Identifier: MIT */
/*
 * A core file as a target: its PT_LOAD segments are the memory, the note NT_FILE says which files
 * were mapped where, NT_PRPSINFO which process it was. Read with libelf and pread, never mapped: a
 * file that is cut short is an error, no signal. Called by target.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target.h"

#define NOTES_MAX ((size_t)64 << 20)

/* ---- opening ---- */

static void add_segment(struct target *target, const GElf_Phdr *header)
{
    target->segments = target_resize(target->segments, target->segment_count + 1,
                                     sizeof target->segments[0]);
    target->segments[target->segment_count++] = (struct segment){
        .start = header->p_vaddr,
        .file_offset = header->p_offset,
        .file_size = header->p_filesz < header->p_memsz ? header->p_filesz : header->p_memsz,
        .size = header->p_memsz,
        .is_writable = header->p_flags & PF_W,
    };
}

/* NT_FILE: count, page size, then (start, end, offset in pages) each, then the paths. */
static void read_file_note(struct target *target, const char *text, size_t length)
{
    uint64_t head[2];
    if (length < sizeof head)
        return;
    memcpy(head, text, sizeof head);
    uint64_t count = head[0];
    if (count > (length - sizeof head) / (3 * sizeof(uint64_t)))
        return;
    const char *path = text + sizeof head + count * 3 * sizeof(uint64_t);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t row[3];
        size_t room = (size_t)(text + length - path);
        size_t path_length = strnlen(path, room);
        if (path_length == room)
            return;
        memcpy(row, text + sizeof head + i * sizeof row, sizeof row);
        target_add_mapping(target, &(struct mapping){.start = row[0],
                                                     .end = row[1],
                                                     .file_offset = row[2] * head[1],
                                                     .path = (char *)(uintptr_t)path});
        path += path_length + 1;
    }
}

static void read_process_note(struct target *target, const char *text, size_t length)
{
    struct elf_prpsinfo info;
    char name[sizeof info.pr_fname + 1] = "";
    if (length < sizeof info)
        return;
    memcpy(&info, text, sizeof info);
    memcpy(name, info.pr_fname, sizeof info.pr_fname);
    target->pid = info.pr_pid;
    target_set_program(target, name);
}

static void read_notes(struct target *target, Elf *elf, const GElf_Phdr *header)
{
    if (header->p_filesz > NOTES_MAX)
        return;
    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)header->p_offset, header->p_filesz,
                                          ELF_T_NHDR);
    GElf_Nhdr note;
    size_t name;
    size_t at;
    for (size_t next = 0; data && (next = gelf_getnote(data, next, &note, &name, &at)) > 0;) {
        const char *text = (const char *)data->d_buf + at;
        if (note.n_type == NT_FILE)
            read_file_note(target, text, note.n_descsz);
        else if (note.n_type == NT_PRPSINFO)
            read_process_note(target, text, note.n_descsz);
    }
}

static int compare_segments(const void *a, const void *b)
{
    const struct segment *left = a;
    const struct segment *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static bool fail_kind(struct target *target)
{
    return target_fail(target,
                       "'%s' is no core file: expected one of the kernel or gcore, unpacked",
                       target->core_path);
}

static bool read_headers(struct target *target, Elf *elf, uint64_t file_size)
{
    GElf_Ehdr elf_header;
    GElf_Phdr header;
    size_t count;
    if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &elf_header) ||
        elf_header.e_type != ET_CORE)
        return fail_kind(target);
    if (gelf_getclass(elf) != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return target_fail(target, "'%s' is a core file of another kind of machine",
                           target->core_path);
    uint64_t end = elf_header.e_phoff + (uint64_t)elf_header.e_phnum * elf_header.e_phentsize;
    if (end > file_size || elf_getphdrnum(elf, &count) != 0 || count == 0)
        return target_fail(target, "'%s' is cut short: its headers are missing", target->core_path);
    for (size_t i = 0; i < count; i++) {
        if (!gelf_getphdr(elf, (int)i, &header))
            return target_fail(target, "'%s' is cut short: its headers are missing",
                               target->core_path);
        uint64_t part_end;
        if (__builtin_add_overflow(header.p_offset, header.p_filesz, &part_end))
            part_end = UINT64_MAX;
        end = part_end > end ? part_end : end;
        if (header.p_type == PT_LOAD)
            add_segment(target, &header);
    }
    if (end > file_size)
        return target_fail(target, "'%s' is cut short: it has %" PRIu64 " of %" PRIu64 " bytes",
                           target->core_path, file_size, end);
    for (size_t i = 0; i < count; i++)
        if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_NOTE)
            read_notes(target, elf, &header);
    if (target->segment_count > 0)
        qsort(target->segments, target->segment_count, sizeof target->segments[0],
              compare_segments);
    return true;
}

bool core_open(struct target *target, const char *path)
{
    struct stat status;
    target->is_core = true;
    target->core_path = path;
    /* not to wait for the other end of a pipe */
    target->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (target->file < 0 || fstat(target->file, &status) != 0)
        return target_fail(target, "cannot read '%s': %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fail_kind(target);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(target->file, ELF_C_READ, NULL);
    bool is_good = read_headers(target, elf, (uint64_t)status.st_size);
    elf_end(elf);
    return is_good;
}

/* ---- memory ---- */

static const struct segment *segment_of(const struct target *target, uint64_t address)
{
    size_t low = 0;
    size_t high = target->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct segment *segment = &target->segments[middle];
        if (address < segment->start)
            high = middle;
        else if (address - segment->start >= segment->size)
            low = middle + 1;
        else
            return segment;
    }
    return NULL;
}

static bool read_fully(int file, uint64_t offset, char *into, size_t size)
{
    while (size > 0) {
        ssize_t got = pread(file, into, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        into += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

bool core_read(struct target *target, uint64_t address, void *into, size_t size)
{
    char *to = into;
    while (size > 0) {
        const struct segment *segment = segment_of(target, address);
        if (!segment || address - segment->start >= segment->file_size)
            return false;
        uint64_t skip = address - segment->start;
        size_t part = segment->file_size - skip < size ? segment->file_size - skip : size;
        if (!read_fully(target->file, segment->file_offset + skip, to, part))
            return false;
        to += part;
        address += part;
        size -= part;
    }
    return true;
}

void core_present(struct target *target, uint64_t address, size_t pages, uint8_t *present)
{
    static const char zeros[TARGET_PAGE];
    char page[TARGET_PAGE];
    for (size_t i = 0; i < pages; i++)
        present[i] = core_read(target, address + i * TARGET_PAGE, page, sizeof page) &&
                     memcmp(page, zeros, sizeof page) != 0;
}
