/* SPDX-License-Identifier: MIT */
/*
 * Merges the stacks of a profile into a tree, beginning with their outermost functions, the largest
 * stacks first. Then it folds the small nodes into "(others)". Both steps have a bound that no
 * profile can exceed.
 */
#include "sites/flame_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sites/string_table.h"

/* When the tree has this many nodes, further functions count as "(others)". */
#define NODES_MAX ((size_t)1 << 20)
/* The most nodes that are kept, besides those of "(others)", so that the page stays usable. */
#define KEPT_MAX ((size_t)10000)
/* Of a deeper stack, the functions in its middle are left out. */
#define LEVELS_MAX ((size_t)160)

static const struct frame others = {.function = "(others)"};
static const struct frame left_out = {.function = "(functions left out)"};
static const struct frame all = {.function = "all"};

bool figure_is_own(enum figure figure)
{
    return figure != FIGURE_LIFETIME;
}

/* ---- names ---- */

/* Purpose: the numbers of a profile's functions: all addresses of one function have one number.
 */
struct naming {
    const struct symbols *symbols;
    uint32_t *number_of; /* by the index of a frame; 0: not known yet, else the number and 1 */
    struct string_table keys;
    struct flame_name *names;
};

static uint32_t add_name(struct naming *naming, const struct frame *frame)
{
    char key[2400];
    const char *module = frame->module ? frame->module->name : NULL;
    snprintf(key, sizeof key, "%s\n%s", frame->function, module ? module : "");
    size_t before = naming->keys.count;
    char *copy = strdup(key);
    size_t number = copy ? string_table_add(&naming->keys, copy) : 0;
    if (naming->keys.count == before) {
        free(copy);
        return (uint32_t)number;
    }
    if ((before & (before - 1)) == 0)
        naming->names = memory_resize(naming->names, before ? 2 * before : 1,
                                      sizeof *naming->names);
    naming->names[number] = (struct flame_name){frame->function, module};
    return (uint32_t)number;
}

static uint32_t number_of(struct naming *naming, const struct frame *frame)
{
    const struct symbols *symbols = naming->symbols;
    if (frame < symbols->frames || frame >= symbols->frames + symbols->frame_count)
        return add_name(naming, frame);
    uint32_t *known = &naming->number_of[frame - symbols->frames];
    if (*known == 0)
        *known = add_name(naming, frame) + 1;
    return *known - 1;
}

static void begin_naming(struct naming *naming, const struct symbols *symbols)
{
    *naming = (struct naming){.symbols = symbols};
    size_t count = symbols->frame_count + 1;
    naming->number_of = memory_resize(NULL, count, sizeof *naming->number_of);
    memset(naming->number_of, 0, count * sizeof *naming->number_of);
}

static void end_naming(struct naming *naming)
{
    for (size_t i = 0; i < naming->keys.count; i++)
        free((char *)naming->keys.texts[i]);
    string_table_free(&naming->keys);
    free(naming->number_of);
    free(naming->names);
}

/* ---- the whole tree ---- */

/* Purpose: a tree that grows. Invariant: `slots` is a hash table of the nodes by parent and name,
 * never more than half full; 0 is an empty slot, as the root has none. */
struct growing {
    struct naming naming;
    struct flame_node *nodes;
    size_t count;
    uint32_t *slots;
    size_t slot_count;
    uint32_t others;
};

static uint32_t *find_slot(const struct growing *tree, uint32_t parent, uint32_t name)
{
    uint64_t hash = ((uint64_t)parent << 32 | name) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 32) & (tree->slot_count - 1);
    while (tree->slots[at] != 0 && (tree->nodes[tree->slots[at]].parent != parent ||
                                    tree->nodes[tree->slots[at]].name != name))
        at = (at + 1) & (tree->slot_count - 1);
    return &tree->slots[at];
}

static void grow(struct growing *tree)
{
    tree->slot_count = tree->slot_count ? 2 * tree->slot_count : 1024;
    free(tree->slots);
    tree->slots = memory_resize(NULL, tree->slot_count, sizeof *tree->slots);
    memset(tree->slots, 0, tree->slot_count * sizeof *tree->slots);
    tree->nodes = memory_resize(tree->nodes, tree->slot_count / 2, sizeof *tree->nodes);
    for (size_t i = 1; i < tree->count; i++)
        *find_slot(tree, tree->nodes[i].parent, tree->nodes[i].name) = (uint32_t)i;
}

/* The child with this name. If the tree is full, a new child is "(others)". */
static uint32_t child_of(struct growing *tree, uint32_t parent, uint32_t name)
{
    if (tree->count == tree->slot_count / 2)
        grow(tree);
    uint32_t *slot = find_slot(tree, parent, name);
    if (*slot == 0 && tree->count >= NODES_MAX && name != tree->others)
        return child_of(tree, parent, tree->others);
    if (*slot == 0) {
        tree->nodes[tree->count] = (struct flame_node){.name = name, .parent = parent};
        *slot = (uint32_t)tree->count++;
    }
    return *slot;
}

static void add_figures(struct flame_node *node, const struct site_view *site)
{
    for (enum figure figure = 0; figure < FIGURE_COUNT; figure++)
        node->bytes[figure] += (double)site_bytes(site, figure);
}

static void add_stack(struct growing *tree, const struct named_profile *named,
                      const struct site_view *site)
{
    static struct named_stack stack;
    uint32_t node = 0;
    stack_name(&stack, named, site);
    size_t levels = stack.count - stack.skipped;
    add_figures(&tree->nodes[0], site);
    for (size_t i = 0; i < levels; i++) {
        bool is_gap = levels > LEVELS_MAX && i == LEVELS_MAX / 2;
        if (is_gap)
            i = levels - LEVELS_MAX / 2 -
                1; /* the gap stands for this function and those before it */
        uint32_t name = number_of(&tree->naming,
                                  is_gap ? &left_out : stack.frames[stack.count - 1 - i]);
        node = child_of(tree, node, name);
        add_figures(&tree->nodes[node], site);
        if (tree->nodes[node].name == tree->others)
            return;
    }
}

/* Purpose: a site and the largest of its shares of any figure. */
struct weighed {
    const struct site_view *site;
    double share;
};

static int compare_weighed(const void *a, const void *b)
{
    double left = ((const struct weighed *)a)->share;
    double right = ((const struct weighed *)b)->share;
    return (left < right) - (left > right);
}

static void find_sums(const struct profile_view *view, double sums[FIGURE_COUNT])
{
    for (enum figure figure = 0; figure < FIGURE_COUNT; figure++)
        sums[figure] = sites_sum(view, figure);
}

static double largest_share(const double bytes[FIGURE_COUNT], const double sums[FIGURE_COUNT])
{
    double most = 0;
    for (enum figure figure = 0; figure < FIGURE_COUNT; figure++)
        if (sums[figure] > 0 && bytes[figure] / sums[figure] > most)
            most = bytes[figure] / sums[figure];
    return most;
}

static void add_stacks(struct growing *tree, const struct named_profile *named)
{
    const struct profile_view *view = &named->view;
    struct weighed *order = memory_resize(NULL, view->site_count + 1, sizeof *order);
    double sums[FIGURE_COUNT];
    find_sums(view, sums);
    for (size_t i = 0; i < view->site_count; i++) {
        struct flame_node node = {.bytes = {0}};
        add_figures(&node, &view->sites[i]);
        order[i] = (struct weighed){&view->sites[i], largest_share(node.bytes, sums)};
    }
    qsort(order, view->site_count, sizeof *order, compare_weighed);
    for (size_t i = 0; i < view->site_count; i++)
        add_stack(tree, named, order[i].site);
    free(order);
}

/* ---- folding ---- */

static size_t count_kept(const struct growing *tree, double least)
{
    size_t kept = 0;
    for (size_t i = 0; i < tree->count; i++)
        kept += largest_share(tree->nodes[i].bytes, tree->nodes[0].bytes) >= least;
    return kept;
}

static uint32_t keep(struct flame_tree *kept, const struct flame_node *node, uint32_t parent)
{
    if ((kept->count & (kept->count - 1)) == 0)
        kept->nodes = memory_resize(kept->nodes, kept->count ? 2 * kept->count : 1,
                                    sizeof *kept->nodes);
    kept->nodes[kept->count] = *node;
    kept->nodes[kept->count].parent = parent;
    return (uint32_t)kept->count++;
}

/* A node comes after its parent, so one pass is enough. A node that is not kept is added to the
 * "(others)" of its parent. Its bytes include those of the nodes below it, so these are skipped. */
static void fold(const struct growing *tree, struct flame_tree *kept)
{
    enum { NOT_KEPT = 0 }; /* the root's place, which no other node has */
    uint32_t *now = memory_resize(NULL, tree->count, sizeof *now);
    uint32_t *rest = memory_resize(NULL, tree->count, sizeof *rest);
    memset(rest, 0, tree->count * sizeof *rest);
    now[0] = keep(kept, &tree->nodes[0], 0);
    for (size_t i = 1; i < tree->count; i++) {
        const struct flame_node *node = &tree->nodes[i];
        uint32_t parent = node->parent;
        now[i] = NOT_KEPT;
        if (parent != 0 && now[parent] == NOT_KEPT)
            continue;
        if (largest_share(node->bytes, tree->nodes[0].bytes) >= kept->least &&
            node->name != tree->others) {
            now[i] = keep(kept, node, now[parent]);
            continue;
        }
        if (rest[parent] == 0)
            rest[parent] = keep(kept, &(struct flame_node){.name = tree->others}, now[parent]);
        for (enum figure figure = 0; figure < FIGURE_COUNT; figure++)
            kept->nodes[rest[parent]].bytes[figure] += node->bytes[figure];
    }
    free(now);
    free(rest);
}

/* Keep the names of the nodes that are left. */
static void take_names(struct flame_tree *tree, const struct naming *naming)
{
    size_t count = naming->keys.count;
    uint32_t *now = memory_resize(NULL, count, sizeof *now); /* the new number and 1 */
    memset(now, 0, count * sizeof *now);
    tree->names = memory_resize(NULL, count < tree->count ? count : tree->count,
                                sizeof *tree->names);
    for (size_t i = 0; i < tree->count; i++) {
        uint32_t old = tree->nodes[i].name;
        if (now[old] == 0) {
            tree->names[tree->name_count++] = naming->names[old];
            now[old] = (uint32_t)tree->name_count;
        }
        tree->nodes[i].name = now[old] - 1;
    }
    free(now);
}

void flame_tree_make(struct flame_tree *tree, const struct named_profile *named)
{
    struct growing growing = {.count = 0};
    *tree = (struct flame_tree){.least = FLAME_LEAST};
    begin_naming(&growing.naming, &named->symbols);
    growing.others = add_name(&growing.naming, &others);
    grow(&growing);
    growing.nodes[growing.count++] = (struct flame_node){.name = add_name(&growing.naming, &all)};
    add_stacks(&growing, named);
    while (count_kept(&growing, tree->least) > KEPT_MAX)
        tree->least *= 2;
    fold(&growing, tree);
    take_names(tree, &growing.naming);
    end_naming(&growing.naming);
    free(growing.nodes);
    free(growing.slots);
}

void flame_tree_free(struct flame_tree *tree)
{
    free(tree->nodes);
    free(tree->names);
    *tree = (struct flame_tree){0};
}
