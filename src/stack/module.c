/* SPDX-License-Identifier: MIT */
/*
 * Owns the search for the mapped file that a piece of code is from, and for that file's unwind
 * tables. libc's _dl_find_object (glibc 2.35) finds them without a lock. This file looks the
 * function up in libc's symbols by hand: linking to it would exclude older libcs, and dlsym may
 * allocate. Where the function is missing, only the files are known that /proc/self/maps had at the
 * start. If that cannot be read either, only the program and the vDSO are known, which the kernel
 * tells each process.
 *
 * A file may be unmapped while its tables are read. So the kernel copies the tables. Under a
 * seccomp filter the kernel may not be asked: then the tables are read directly. That is safe
 * unless the stack is damaged, since no program may unmap code that it is running.
 */
#include "stack/unwind.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#define MODULES_MAX 512
#define MAPS_BYTES (4 * MIB)
/* ELFMAG as a number: these processors have the lowest byte first. */
#define ELF_MAGIC UINT64_C(0x464c457f)
/* More program headers, or entries in the loader's tables, than any file has. */
#define HEADERS_MAX 64
#define DYNAMIC_MAX 256
#define CHAIN_MAX 4096
#define FILES_MAX 1000

/* libc's struct dl_find_object, which older headers do not have. */
struct found_object {
    unsigned long long flags;
    void *map_start;
    void *map_end;
    void *link_map;
    void *eh_frame; /* the .eh_frame_hdr */
    unsigned long long reserved[7];
};
typedef int find_object(void *pc, struct found_object *result);

/* The program, the vDSO, libc, and the file that has this code. */
#define LASTING 4

/* Purpose: where files are found. Owner: written by stack_start, read by walks. Invariant: modules
 * below count never change. */
static struct {
    _Atomic(find_object *) find;
    _Atomic uint32_t count;
    bool uses_maps;
    uintptr_t lasting[LASTING]; /* the starts of files that are never unmapped */
    struct unwind_module modules[MODULES_MAX];
} known;

/* ---- ELF headers in memory ---- */

/* Purpose: a mapped file, by its program headers. */
struct image {
    uintptr_t bias; /* what is added to the file's own addresses */
    uintptr_t start;
    uintptr_t end;
    uintptr_t unwind_header; /* 0: it has none */
    uintptr_t dynamic;
};

static bool read_header(struct reader *reader, uintptr_t at, ElfW(Phdr) * header)
{
    header->p_type = (uint32_t)reader_number(reader, at + offsetof(ElfW(Phdr), p_type), 4);
    header->p_vaddr = reader_number(reader, at + offsetof(ElfW(Phdr), p_vaddr), 8);
    header->p_memsz = reader_number(reader, at + offsetof(ElfW(Phdr), p_memsz), 8);
    return !reader->has_failed;
}

/* What the loader maps for a segment begins at a page. */
static uintptr_t segment_start(const ElfW(Phdr) * header)
{
    return align_down(header->p_vaddr, os_page_size());
}

static void add_segment(struct image *image, const ElfW(Phdr) * header)
{
    if (image->end == 0)
        image->bias -= segment_start(header);
    uintptr_t end = image->bias + header->p_vaddr + header->p_memsz;
    image->end = max_size(image->end, end);
}

/* Read the program headers of the file whose first byte is at reader->low. */
static bool read_image(struct reader *reader, struct image *image)
{
    uintptr_t start = reader->low;
    uint64_t headers = reader_number(reader, start + offsetof(ElfW(Ehdr), e_phoff), 8);
    uint64_t count = reader_number(reader, start + offsetof(ElfW(Ehdr), e_phnum), 2);
    uint64_t size = reader_number(reader, start + offsetof(ElfW(Ehdr), e_phentsize), 2);
    *image = (struct image){.bias = start, .start = start};
    if (reader_number(reader, start, SELFMAG) != ELF_MAGIC || count > HEADERS_MAX ||
        size != sizeof(ElfW(Phdr)))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        ElfW(Phdr) header;
        if (!read_header(reader, start + headers + i * size, &header))
            return false;
        if (header.p_type == PT_LOAD)
            add_segment(image, &header);
        else if (header.p_type == PT_GNU_EH_FRAME)
            image->unwind_header = header.p_vaddr;
        else if (header.p_type == PT_DYNAMIC)
            image->dynamic = header.p_vaddr;
    }
    return image->end > start && !reader->has_failed;
}

/* ---- symbols of mapped files ---- */

/* Purpose: a file's tables of symbols. */
struct symbols {
    uintptr_t bias;
    const ElfW(Sym) * symbols;
    const char *names;
    const uint32_t *hash;
};

/* The loader has added its address to some of these when it relocated itself. */
static uintptr_t table_address(uintptr_t bias, uintptr_t value)
{
    return value < bias ? value + bias : value;
}

static bool read_symbols(uintptr_t bias, const ElfW(Dyn) * entry, struct symbols *symbols)
{
    *symbols = (struct symbols){.bias = bias};
    for (unsigned i = 0; i < DYNAMIC_MAX && entry[i].d_tag != DT_NULL; i++) {
        uintptr_t address = table_address(bias, entry[i].d_un.d_ptr);
        if (entry[i].d_tag == DT_SYMTAB)
            symbols->symbols = (const ElfW(Sym) *)address;
        else if (entry[i].d_tag == DT_STRTAB)
            symbols->names = (const char *)address;
        else if (entry[i].d_tag == DT_GNU_HASH)
            symbols->hash = (const uint32_t *)address;
    }
    return symbols->symbols && symbols->names && symbols->hash;
}

static uint32_t name_hash(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* The hash table: bucket count, first symbol, words of the Bloom filter, its shift; the filter; the
 * buckets; the hash of each symbol, whose lowest bit ends a chain. */
static uintptr_t find_symbol(const struct symbols *file, const char *name)
{
    uint32_t buckets = file->hash[0];
    uint32_t first = file->hash[1];
    const uint32_t *bucket = file->hash + 4 + file->hash[2] * (sizeof(uintptr_t) / 4);
    const uint32_t *chain = bucket + buckets;
    uint32_t hash = name_hash(name);
    uint32_t index = buckets ? bucket[hash % buckets] : 0;
    if (index < first || index == 0)
        return 0;
    for (unsigned i = 0; i < CHAIN_MAX; i++, index++) {
        const ElfW(Sym) *symbol = &file->symbols[index];
        if ((chain[index - first] | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF &&
            strcmp(file->names + symbol->st_name, name) == 0)
            return file->bias + symbol->st_value;
        if (chain[index - first] & 1)
            break;
    }
    return 0;
}

static uintptr_t find_in_file(uintptr_t bias, const ElfW(Dyn) * dynamic, const char *name)
{
    struct symbols file;
    return read_symbols(bias, dynamic, &file) ? find_symbol(&file, name) : 0;
}

/* The loader's list of files, for debuggers. The loader is never unmapped: it is read directly. */
static const struct r_debug *find_list(void)
{
    uintptr_t base = getauxval(AT_BASE);
    struct budget budget = {.reads = WALK_READS_MAX};
    struct reader reader;
    struct image image;
    if (base == 0)
        return NULL;
    reader_open(&reader, base, base + os_page_size(), false, &budget);
    if (!read_image(&reader, &image) || image.dynamic == 0)
        return NULL;
    const ElfW(Dyn) *dynamic = (const ElfW(Dyn) *)(image.bias + image.dynamic);
    return (const struct r_debug *)find_in_file(image.bias, dynamic, "_r_debug");
}

/* libc has it. The list begins with the files that the program was started with, which are never
 * unmapped; libc is one of them, so no other file is looked at. */
static find_object *look_up_find_object(void)
{
    const struct r_debug *list = find_list();
    const struct link_map *file = list ? list->r_map : NULL;
    for (unsigned i = 0; file && i < FILES_MAX; i++, file = file->l_next) {
        uintptr_t found = find_in_file(file->l_addr, file->l_ld, "_dl_find_object");
        if (found)
            return (find_object *)found;
        if (strstr(file->l_name, "/libc.so"))
            break; /* it is too old */
    }
    return NULL;
}

/* ---- files that are known from the start ---- */

static bool is_known(uintptr_t start)
{
    uint32_t count = atomic_load_explicit(&known.count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        if (known.modules[i].start == start)
            return true;
    return false;
}

static void add_module(const struct image *image, enum unwind_lifetime lifetime)
{
    uint32_t count = atomic_load_explicit(&known.count, memory_order_relaxed);
    if (image->unwind_header == 0 || count == MODULES_MAX || is_known(image->start))
        return;
    known.modules[count] = (struct unwind_module){
        .start = image->start,
        .end = image->end,
        .header = image->bias + image->unwind_header,
        .identity = image->bias + image->unwind_header,
        .lifetime = lifetime,
    };
    /* release: a walk that sees the count sees the module */
    atomic_store_explicit(&known.count, count + 1, memory_order_release);
}

/* A file whose header is mapped here. */
static void add_image(uintptr_t start, enum unwind_lifetime lifetime)
{
    struct budget budget = {.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
    struct reader reader;
    struct image image;
    reader_open(&reader, start, start + os_page_size(), lifetime == MODULE_MAY_VANISH, &budget);
    if (start != 0 && read_image(&reader, &image))
        add_module(&image, lifetime);
}

/* The program headers of the program are on its first page, behind the ELF header. */
static void add_program(void)
{
    uintptr_t headers = getauxval(AT_PHDR);
    if (headers % os_page_size() == sizeof(ElfW(Ehdr)))
        add_image(headers - sizeof(ElfW(Ehdr)), MODULE_LASTS);
}

/* ---- /proc/self/maps ---- */

static uintptr_t read_hex(const char **text)
{
    uintptr_t value = 0;
    for (;; (*text)++) {
        char c = **text;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uintptr_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* "START-END PERMISSIONS OFFSET DEVICE INODE PATH": the first part of a file, mapped to be read? */
static void add_line(const char *line)
{
    uintptr_t start = read_hex(&line);
    if (*line++ != '-')
        return;
    read_hex(&line);
    if (strncmp(line, " r", 2) != 0)
        return;
    line += strlen(" rwxp ");
    uintptr_t offset = read_hex(&line);
    size_t length = strcspn(line, "\n");
    if (offset == 0 && memchr(line, '/', length))
        add_image(start, MODULE_MAY_VANISH);
}

static void read_maps(void)
{
    char *text = os_reserve(MAPS_BYTES);
    if (!text)
        return;
    if (os_read_file("/proc/self/maps", text, MAPS_BYTES) > 0)
        for (const char *line = text; *line; line += *line == '\n') {
            add_line(line);
            line += strcspn(line, "\n");
        }
    os_unmap(text, MAPS_BYTES);
}

void module_use_maps(void)
{
    known.uses_maps = true;
}

static void know_files(void)
{
    add_program();
    add_image(getauxval(AT_SYSINFO_EHDR), MODULE_LASTS);
    read_maps();
}

static void know_lasting(find_object *find)
{
    const uintptr_t inside[LASTING] = {getauxval(AT_PHDR), getauxval(AT_SYSINFO_EHDR),
                                       (uintptr_t)getauxval, (uintptr_t)stack_start};
    for (unsigned i = 0; i < LASTING; i++) {
        struct found_object object;
        if (find((void *)inside[i], &object) == 0)
            known.lasting[i] = (uintptr_t)object.map_start;
    }
}

void stack_start(void)
{
    if (!STACK_CAN_WALK)
        return;
    reader_try_copy();
    if (atomic_load_explicit(&known.find, memory_order_relaxed))
        return;
    find_object *find = known.uses_maps ? NULL : look_up_find_object();
    if (!find) {
        know_files();
        return;
    }
    know_lasting(find);
    /* release: a walk that uses the function sees which files last */
    atomic_store_explicit(&known.find, find, memory_order_release);
}

/* ---- the module of a program counter ---- */

static enum unwind_lifetime lifetime_of(uintptr_t start)
{
    for (unsigned i = 0; i < LASTING; i++)
        if (known.lasting[i] == start)
            return MODULE_LASTS;
    return MODULE_IN_USE;
}

static bool ask_libc(find_object *find, uintptr_t pc, struct unwind_module *module)
{
    struct found_object object;
    if (find((void *)pc, &object) != 0 || !object.eh_frame)
        return false;
    module->start = (uintptr_t)object.map_start;
    module->end = (uintptr_t)object.map_end;
    module->header = (uintptr_t)object.eh_frame;
    module->identity = module->header ^ (uint64_t)(uintptr_t)object.link_map << 17 ^
                       (uint64_t)module->end << 5;
    module->lifetime = lifetime_of(module->start);
    return true;
}

static bool search_known(uintptr_t pc, struct unwind_module *module)
{
    /* acquire: see add_module */
    uint32_t count = atomic_load_explicit(&known.count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        const struct unwind_module *other = &known.modules[i];
        if (pc >= other->start && pc < other->end) {
            *module = *other;
            return true;
        }
    }
    return false;
}

bool module_find(uintptr_t pc, struct unwind_module *module)
{
    /* acquire: see stack_start */
    find_object *find = atomic_load_explicit(&known.find, memory_order_acquire);
    return find ? ask_libc(find, pc, module) : search_known(pc, module);
}

bool module_is_vdso(const struct unwind_module *module)
{
    return module->start == getauxval(AT_SYSINFO_EHDR);
}

/* Bounds for direct reads: the tables are all in the segment that has the header. */
static bool open_segment(const struct unwind_module *module, struct reader *reader,
                         struct budget *budget)
{
    uintptr_t start = module->start;
    struct image image;
    reader_open(reader, start, min_size(module->end, start + os_page_size()), false, budget);
    if (!read_image(reader, &image))
        return false;
    uint64_t headers = reader_number(reader, start + offsetof(ElfW(Ehdr), e_phoff), 8);
    uint64_t count = reader_number(reader, start + offsetof(ElfW(Ehdr), e_phnum), 2);
    for (uint64_t i = 0; i < count; i++) {
        ElfW(Phdr) header;
        if (!read_header(reader, start + headers + i * sizeof(header), &header))
            return false;
        uintptr_t low = image.bias + header.p_vaddr;
        if (header.p_type != PT_LOAD || module->header - low >= header.p_memsz)
            continue;
        reader_open(reader, low, low + header.p_memsz, false, budget);
        return low >= start && low + header.p_memsz <= module->end;
    }
    return false;
}

bool module_open(const struct unwind_module *module, struct reader *reader, struct budget *budget)
{
    if (module->lifetime == MODULE_LASTS ||
        (module->lifetime == MODULE_IN_USE && !reader_may_copy()))
        return open_segment(module, reader, budget);
    /* the kernel refuses to copy wherever nothing can be read */
    reader_open(reader, module->start, module->end, true, budget);
    return true;
}
