/* SPDX-License-Identifier: MIT */
/*
 * Finds symbols by elfutils: in the mapped file, even if it was renamed or deleted, or in its
 * separate debug file. If the build-id of a file differs from the one in the target's memory, the
 * file has been replaced, and its symbols are not used. Code without a file may have been compiled
 * by the process itself (perf_map.c).
 */
#include "sites/resolver.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libiberty/demangle.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "heap/plain_file.h"

/* The most inlined functions at one address; compilers make far fewer. */
#define INLINED_MAX 64

void resolver_begin(struct resolver *resolver, const struct modules *modules, pid_t pid)
{
    static char *debug_path; /* the default: beside the file, and /usr/lib/debug */
    static const Dwfl_Callbacks callbacks = {
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = &debug_path,
    };
    size_t count = modules->count ? modules->count : 1;
    *resolver = (struct resolver){.modules = modules, .pid = pid, .dwfl = dwfl_begin(&callbacks)};
    resolver->reported = memory_resize(NULL, count, sizeof *resolver->reported);
    resolver->is_reported = memory_resize(NULL, count, sizeof *resolver->is_reported);
    memset(resolver->is_reported, 0, count * sizeof *resolver->is_reported);
    if (pid)
        perf_map_read(&resolver->perf_map, pid);
}

char *resolver_demangle(const char *name)
{
    char *plain = NULL;
    size_t length = strcspn(name, "@"); /* a version follows, as in memcpy@@GLIBC_2.14 */
    char *own = strndup(name, length ? length : strlen(name));
    if (own && (strncmp(own, "_Z", 2) == 0 || strncmp(own, "_R", 2) == 0))
        plain = cplus_demangle(own, DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP | DMGL_AUTO);
    if (plain)
        free(own);
    return plain ? plain : own;
}

/* ---- modules ---- */

/* Open the mapped file itself, or else the file of this name as the process sees it. */
static int open_module(const struct resolver *resolver, const struct module *module)
{
    char path[PATH_MAX + 64];
    struct stat status;
    if (!resolver->pid)
        return plain_file_open(module->path, &status);
    int pid = (int)resolver->pid;
    snprintf(path, sizeof path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, module->start,
             module->first_end);
    int file = plain_file_open(path, &status);
    if (file < 0 && !module->is_deleted) {
        snprintf(path, sizeof path, "/proc/%d/root%s", pid, module->path);
        file = plain_file_open(path, &status);
    }
    if (file < 0) { /* the program; another file has another build-id */
        snprintf(path, sizeof path, "/proc/%d/exe", pid);
        file = module->build_id_size ? plain_file_open(path, &status) : -1;
    }
    return file < 0 && !module->is_deleted ? plain_file_open(module->path, &status) : file;
}

static bool is_same_build(Dwfl_Module *reported, const struct module *module)
{
    const unsigned char *bits;
    GElf_Addr address;
    GElf_Addr bias;
    if (!dwfl_module_getelf(reported, &bias))
        return false;
    int size = dwfl_module_build_id(reported, &bits, &address);
    return module->build_id_size == 0 || size <= 0 ||
           ((size_t)size == module->build_id_size &&
            memcmp(bits, module->build_id, module->build_id_size) == 0);
}

/* The module, opened by elfutils; NULL: its file has no symbols that can be used. */
static Dwfl_Module *report(struct resolver *resolver, const struct module *module)
{
    size_t index = (size_t)(module - resolver->modules->list);
    if (resolver->is_reported[index])
        return resolver->reported[index];
    resolver->is_reported[index] = true;
    resolver->reported[index] = NULL;
    int file = module->file_offset == 0 ? open_module(resolver, module) : -1;
    if (file < 0)
        return NULL;
    dwfl_report_begin_add(resolver->dwfl);
    Dwfl_Module *reported = dwfl_report_elf(resolver->dwfl, module->path, module->path, file,
                                            module->start, false);
    dwfl_report_end(resolver->dwfl, NULL, NULL);
    if (reported && is_same_build(reported, module))
        resolver->reported[index] = reported;
    return resolver->reported[index];
}

/* ---- frames ---- */

static const char *string_of(Dwarf_Die *die, unsigned attribute)
{
    Dwarf_Attribute found;
    return dwarf_formstring(dwarf_attr_integrate(die, attribute, &found));
}

/* The name of a function: the linker's name, since it has the class and the arguments. */
static char *name_of(Dwarf_Die *die)
{
    const char *name = string_of(die, DW_AT_linkage_name);
    if (!name)
        name = string_of(die, DW_AT_MIPS_linkage_name);
    if (!name)
        name = dwarf_diename(die);
    return name ? resolver_demangle(name) : NULL;
}

/* Where an inlined function was called. */
static void find_call(Dwarf_Die *die, Dwarf_Files *files, struct found_frame *frame)
{
    Dwarf_Attribute attribute;
    Dwarf_Word word;
    frame->file = NULL;
    frame->line = 0;
    if (files && dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &word) == 0)
        frame->file = dwarf_filesrc(files, word, NULL, NULL);
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &word) == 0 &&
        word <= UINT32_MAX)
        frame->line = (uint32_t)word;
}

/* Purpose: the functions at one address so far. */
struct chain {
    struct found_frame frames[INLINED_MAX + 1];
    size_t count;
};

/* Purpose: a function and those that were inlined into it around an address. Invariant: outermost
 * first. */
struct scopes {
    Dwarf_Die dies[INLINED_MAX];
    size_t count;
};

/* How deep blocks and namespaces may be nested. */
#define NESTING_MAX 200

/* Find these functions in a compilation unit: Rust's functions lie in namespaces, where
 * dwarf_getscopes does not look. */
static bool find_scopes(Dwarf_Die *parent, Dwarf_Addr address, struct scopes *scopes,
                        unsigned nesting)
{
    Dwarf_Die die;
    if (nesting == NESTING_MAX || dwarf_child(parent, &die) != 0)
        return false;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
            if (find_scopes(&die, address, scopes, nesting + 1))
                return true;
            break;
        case DW_TAG_subprogram:
        case DW_TAG_inlined_subroutine:
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
            if (dwarf_haspc(&die, address) <= 0)
                break;
            if (dwarf_tag(&die) == DW_TAG_subprogram ||
                dwarf_tag(&die) == DW_TAG_inlined_subroutine) {
                if (scopes->count == INLINED_MAX)
                    return true;
                scopes->dies[scopes->count++] = die;
            }
            find_scopes(&die, address, scopes, nesting + 1);
            return true;
        default: break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

/* Each inlined function, and the next one's place: where it was called. */
static void add_inlined(struct chain *chain, Dwfl_Module *reported, Dwarf_Addr address,
                        struct found_frame *place)
{
    Dwarf_Addr bias;
    Dwarf_Files *files = NULL;
    struct scopes scopes;
    Dwarf_Die *unit = dwfl_module_addrdie(reported, address, &bias);
    scopes.count = 0;
    if (!unit || !find_scopes(unit, address - bias, &scopes, 0))
        return;
    if (dwarf_getsrcfiles(unit, &files, NULL) != 0)
        files = NULL;
    for (size_t i = scopes.count; i-- > 0 && chain->count < INLINED_MAX;) {
        Dwarf_Die *die = &scopes.dies[i];
        if (dwarf_tag(die) == DW_TAG_inlined_subroutine) {
            place->function = name_of(die);
            chain->frames[chain->count++] = *place;
            find_call(die, files, place);
            place->function = NULL;
        } else {
            /* the function itself: the symbol table may lack its name */
            place->function = name_of(die);
            return;
        }
    }
}

static void find_in_module(struct chain *chain, Dwfl_Module *reported, uint64_t address)
{
    struct found_frame place = {0};
    int line = 0;
    GElf_Off offset;
    GElf_Sym symbol;
    Dwfl_Line *source = dwfl_module_getsrc(reported, address);
    place.file = source ? dwfl_lineinfo(source, NULL, &line, NULL, NULL, NULL) : NULL;
    place.line = line > 0 ? (uint32_t)line : 0;
    add_inlined(chain, reported, address, &place);
    const char *name = dwfl_module_addrinfo(reported, address, &offset, &symbol, NULL, NULL, NULL);
    /* elfutils gives the nearest symbol below the address: it may be another function's */
    if (name && offset < (symbol.st_size ? symbol.st_size : 1)) {
        free((char *)place.function);
        place.function = resolver_demangle(name);
    }
    chain->frames[chain->count++] = place;
}

void resolver_find(struct resolver *resolver, uint64_t address, resolver_take *take, void *state)
{
    struct chain chain = {.count = 0};
    const struct module *module = modules_at(resolver->modules, address);
    Dwfl_Module *reported = module && resolver->dwfl ? report(resolver, module) : NULL;
    if (reported) {
        find_in_module(&chain, reported, address);
    } else {
        const char *name = perf_map_find(&resolver->perf_map, address);
        chain.frames[chain.count++] = (struct found_frame){.function = name ? strdup(name) : NULL};
    }
    for (size_t i = 0; i < chain.count; i++) {
        take(state, &chain.frames[i], i + 1 == chain.count);
        free((char *)chain.frames[i].function);
    }
}
