/* SPDX-License-Identifier: MIT */
/*
 * A core file as a target. The PT_LOAD segments are the memory; the note NT_FILE says which files
 * were mapped where; NT_PRPSINFO says which process it was. The file is read with pread and never
 * mapped: if it is cut short, that is an error and not a signal. Its headers are bounded by its
 * size: no byte of the file is memory at two addresses, and holes of a sparse file are skipped.
 */
#include "heap/core_file.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "heap/plain_file.h"

/* The most bytes of all notes together, and of program headers: some hundred times as many as the
 * kernel writes. */
#define NOTES_MAX ((uint64_t)64 << 20)
#define HEADERS_MAX ((uint64_t)1 << 20)
#define HEADERS_CHUNK 512
/* Pages that are read in one step, to see whether they are zero. */
#define CONTENT_PAGES ((size_t)64)

/* Purpose: a core that is being opened. */
struct core {
    struct target *target;
    uint64_t size;         /* of the file */
    uint64_t end;          /* the end of the parts that the headers name */
    uint64_t loaded;       /* bytes of all segments */
    uint64_t notes_left;   /* bytes of notes that may still be read */
    uint64_t header_count; /* program headers */
    ElfW(Ehdr) header;
};

/* ---- notes ---- */

/* NT_FILE has: count, page size, then (start, end, offset in pages) for each file, then the
 * paths. */
static void read_file_note(struct target *target, const char *text, size_t length)
{
    uint64_t head[2];
    if (length < sizeof head || target->mapping_count > 0)
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

static uint64_t rounded(uint64_t size)
{
    return (size + 3) / 4 * 4;
}

static void read_note_bytes(struct target *target, const char *bytes, uint64_t size)
{
    ElfW(Nhdr) note;
    for (uint64_t at = 0; size - at >= sizeof note;) {
        memcpy(&note, bytes + at, sizeof note);
        at += sizeof note;
        if (size - at < rounded(note.n_namesz) ||
            size - at - rounded(note.n_namesz) < note.n_descsz)
            return;
        at += rounded(note.n_namesz);
        if (note.n_type == NT_FILE)
            read_file_note(target, bytes + at, note.n_descsz);
        else if (note.n_type == NT_PRPSINFO)
            read_process_note(target, bytes + at, note.n_descsz);
        if (size - at < rounded(note.n_descsz))
            return;
        at += rounded(note.n_descsz);
    }
}

static void read_notes(struct core *core, const ElfW(Phdr) * header)
{
    if (header->p_filesz > core->notes_left || header->p_offset > core->size ||
        header->p_filesz > core->size - header->p_offset)
        return;
    core->notes_left -= header->p_filesz;
    char *bytes = memory_resize(NULL, header->p_filesz, 1);
    if (plain_file_read(core->target->file, header->p_offset, bytes, header->p_filesz))
        read_note_bytes(core->target, bytes, header->p_filesz);
    free(bytes);
}

/* ---- program headers ---- */

static void add_segment(struct core *core, const ElfW(Phdr) * header)
{
    struct target *target = core->target;
    size_t count = target->segment_count;
    if ((count & (count - 1)) == 0)
        target->segments = memory_resize(target->segments, count ? 2 * count : 1,
                                         sizeof target->segments[0]);
    target->segments[target->segment_count++] = (struct segment){
        .start = header->p_vaddr,
        .file_offset = header->p_offset,
        .file_size = header->p_filesz < header->p_memsz ? header->p_filesz : header->p_memsz,
        .size = header->p_memsz,
        .is_writable = header->p_flags & PF_W,
    };
    if (__builtin_add_overflow(core->loaded, header->p_filesz, &core->loaded))
        core->loaded = UINT64_MAX;
}

static void note_end(struct core *core, const ElfW(Phdr) * header)
{
    uint64_t end;
    if (__builtin_add_overflow(header->p_offset, header->p_filesz, &end))
        end = UINT64_MAX;
    core->end = end > core->end ? end : core->end;
}

static void note_segment(struct core *core, const ElfW(Phdr) * header)
{
    note_end(core, header);
    if (header->p_type == PT_LOAD)
        add_segment(core, header);
}

static void note_notes(struct core *core, const ElfW(Phdr) * header)
{
    if (header->p_type == PT_NOTE)
        read_notes(core, header);
}

/* Call `visit` with each program header. False when they cannot be read. */
static bool visit_headers(struct core *core,
                          void (*visit)(struct core *core, const ElfW(Phdr) * header))
{
    static ElfW(Phdr) chunk[HEADERS_CHUNK];
    for (uint64_t at = 0; at < core->header_count; at += HEADERS_CHUNK) {
        uint64_t rest = core->header_count - at;
        size_t count = rest < HEADERS_CHUNK ? rest : HEADERS_CHUNK;
        if (!plain_file_read(core->target->file, core->header.e_phoff + at * sizeof chunk[0], chunk,
                             count * sizeof chunk[0]))
            return false;
        for (size_t i = 0; i < count; i++)
            visit(core, &chunk[i]);
    }
    return true;
}

/* ---- opening ---- */

static bool fail_kind(struct target *target)
{
    return target_fail(target,
                       "'%s' is not a core file: expected one from the kernel or gcore, not packed",
                       target->core_path);
}

static bool fail_headers(struct target *target)
{
    return target_fail(target, "'%s' is cut short: its headers are missing", target->core_path);
}

static bool fail_segments(struct target *target, const char *what)
{
    return target_fail(target, "'%s' is damaged: %s", target->core_path, what);
}

static bool is_core(const ElfW(Ehdr) * header)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_type == ET_CORE &&
           (header->e_ident[EI_CLASS] == ELFCLASS32 || header->e_ident[EI_CLASS] == ELFCLASS64);
}

/* If e_phnum is too small for the number of program headers, the first section header has it. */
static bool count_headers(struct core *core)
{
    ElfW(Shdr) section;
    const ElfW(Ehdr) *header = &core->header;
    core->header_count = header->e_phnum;
    if (header->e_phnum == PN_XNUM) {
        if (header->e_shoff > core->size - sizeof section ||
            !plain_file_read(core->target->file, header->e_shoff, &section, sizeof section))
            return false;
        core->header_count = section.sh_info;
    }
    uint64_t size = core->header_count * sizeof(ElfW(Phdr));
    core->end = header->e_phoff + size;
    return core->header_count > 0 && header->e_phoff <= core->size &&
           size <= core->size - header->e_phoff;
}

static int compare_segments(const void *a, const void *b)
{
    const struct segment *left = a;
    const struct segment *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

/* Each address must be in only one segment, and each byte of the file too. */
static bool order_segments(struct core *core)
{
    struct target *target = core->target;
    if (core->loaded > core->size)
        return fail_segments(target, "its segments overlap in the file");
    if (target->segment_count > 0)
        qsort(target->segments, target->segment_count, sizeof target->segments[0],
              compare_segments);
    for (size_t i = 0; i < target->segment_count; i++) {
        const struct segment *segment = &target->segments[i];
        uint64_t limit = i + 1 < target->segment_count ? target->segments[i + 1].start : UINT64_MAX;
        if (segment->size > limit - segment->start)
            return fail_segments(target, "its segments overlap in memory");
    }
    return true;
}

static bool read_headers(struct core *core)
{
    struct target *target = core->target;
    if (core->size < sizeof core->header ||
        !plain_file_read(target->file, 0, &core->header, sizeof core->header) ||
        !is_core(&core->header))
        return fail_kind(target);
    if (core->header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return target_fail(target, "'%s' is a core file of another kind of machine",
                           target->core_path);
    if (core->header.e_phentsize != sizeof(ElfW(Phdr)) || !count_headers(core))
        return fail_headers(target);
    if (core->header_count > HEADERS_MAX)
        return fail_segments(target, "it has more than a million segments");
    if (!visit_headers(core, note_segment))
        return fail_headers(target);
    if (core->end > core->size)
        return target_fail(target, "'%s' is cut short: its last %s are missing", target->core_path,
                           text_of_size(core->end - core->size).bytes);
    return order_segments(core) && (visit_headers(core, note_notes) || fail_headers(target));
}

static bool open_core(struct target *target, const char *path)
{
    struct stat status;
    target->is_core = true;
    target->core_path = path;
    target->file = plain_file_open(path, &status);
    if (target->file < 0 && errno == EINVAL)
        return fail_kind(target);
    if (target->file < 0)
        return target_fail(target, "cannot read '%s': %s", path, strerror(errno));
    struct core core = {
        .target = target, .size = (uint64_t)status.st_size, .notes_left = NOTES_MAX};
    return read_headers(&core);
}

bool target_open_core(struct target *target, const char *path)
{
    *target = (struct target){.directory = -1, .memory = -1, .file = -1};
    if (open_core(target, path))
        return true;
    struct target failed = {.directory = -1, .memory = -1, .file = -1};
    memcpy(failed.error, target->error, sizeof failed.error);
    target_close(target);
    *target = failed;
    return false;
}

/* ---- memory ---- */

/* The first segment that ends above an address: it contains the address, or is the next one. */
static size_t segment_from(const struct target *target, uint64_t address)
{
    size_t low = 0;
    size_t high = target->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct segment *segment = &target->segments[middle];
        if (address >= segment->start && address - segment->start >= segment->size)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t core_read(struct target *target, uint64_t address, void *into, size_t size)
{
    size_t done = 0;
    while (done < size) {
        uint64_t at = address + done;
        size_t index = segment_from(target, at);
        if (index == target->segment_count || at < address)
            break;
        const struct segment *segment = &target->segments[index];
        if (at < segment->start || at - segment->start >= segment->file_size)
            break;
        uint64_t skip = at - segment->start;
        size_t rest = size - done;
        size_t part = segment->file_size - skip < rest ? segment->file_size - skip : rest;
        if (!plain_file_read(target->file, segment->file_offset + skip, (char *)into + done, part))
            break;
        done += part;
    }
    return done;
}

/* The first data in [from, to) of the file, after a hole. */
static bool next_data(int file, uint64_t *from, uint64_t *to)
{
    off_t data = lseek(file, (off_t)*from, SEEK_DATA);
    if (data < 0)
        return errno != ENXIO; /* a file system that does not know holes: all is data */
    if ((uint64_t)data >= *to)
        return false;
    off_t hole = lseek(file, data, SEEK_HOLE);
    *from = (uint64_t)data;
    if (hole > data && (uint64_t)hole < *to)
        *to = (uint64_t)hole;
    return true;
}

bool core_next(struct target *target, uint64_t from, uint64_t to, uint64_t *start, uint64_t *end)
{
    for (size_t i = segment_from(target, from); i < target->segment_count; i++) {
        const struct segment *segment = &target->segments[i];
        if (segment->start >= to)
            return false;
        uint64_t skip = from > segment->start ? from - segment->start : 0;
        uint64_t stop = to - segment->start < segment->file_size ? to - segment->start
                                                                 : segment->file_size;
        if (skip >= stop)
            continue;
        uint64_t first = segment->file_offset + skip;
        uint64_t last = segment->file_offset + stop;
        if (!next_data(target->file, &first, &last))
            continue;
        *start = segment->start + (first - segment->file_offset);
        *end = segment->start + (last - segment->file_offset);
        return true;
    }
    return false;
}

/* Mark the pages that are not all zero; returns how many were not marked before. */
static size_t mark_content(const char *bytes, size_t pages, uint8_t *present)
{
    static const char zeros[TARGET_PAGE];
    size_t found = 0;
    for (size_t i = 0; i < pages; i++) {
        if (present[i] || memcmp(bytes + i * TARGET_PAGE, zeros, TARGET_PAGE) == 0)
            continue;
        present[i] = 1;
        found++;
    }
    return found;
}

size_t core_present(struct target *target, uint64_t address, size_t pages, uint8_t *present)
{
    static char bytes[CONTENT_PAGES * TARGET_PAGE];
    size_t found = 0;
    uint64_t to = address + pages * TARGET_PAGE;
    uint64_t end;
    for (uint64_t at = address; core_next(target, at, to, &at, &end); at = end) {
        size_t last = (end - address + TARGET_PAGE - 1) / TARGET_PAGE;
        for (size_t i = (at - address) / TARGET_PAGE; i < last;) {
            size_t part = last - i < CONTENT_PAGES ? last - i : CONTENT_PAGES;
            size_t got = core_read(target, address + i * TARGET_PAGE, bytes, part * TARGET_PAGE) /
                         TARGET_PAGE;
            found += mark_content(bytes, got, present + i);
            i += got ? got : 1; /* the segment has only a part of this page */
        }
    }
    return found;
}
