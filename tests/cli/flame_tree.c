/* SPDX-License-Identifier: MIT */
/*
 * Tests of the tree of a flame graph: sums, what is folded, and bounds, on profiles that are made
 * by hand.
 */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

#include "sites/flame_tree.h"

#define FUNCTIONS 30000
#define SITES 30000
#define DEPTH 3

static struct frame frames[FUNCTIONS];
static char names[FUNCTIONS][16];
static uint64_t addresses[FUNCTIONS];
static size_t first[FUNCTIONS + 1];
static struct site_view sites[SITES];
static uint64_t stacks[SITES][DEPTH];

/* Address 16 * i has the function "f<i>" alone. */
static void make_profile(struct named_profile *named, size_t functions, size_t count)
{
    for (size_t i = 0; i < functions; i++) {
        snprintf(names[i], sizeof names[i], "f%zu", i);
        addresses[i] = 16 * i;
        first[i] = i;
        frames[i] = (struct frame){.function = names[i], .address = addresses[i], .is_named = true};
    }
    first[functions] = functions;
    memset(sites, 0, sizeof sites);
    *named = (struct named_profile){
        .view = {.sites = sites, .site_count = count},
        .symbols = {.addresses = addresses,
                    .first = first,
                    .count = functions,
                    .frames = frames,
                    .frame_count = functions},
    };
}

/* The stack of a site: functions from the innermost one on. */
static void set_site(size_t site, const size_t functions[DEPTH], uint64_t live)
{
    for (size_t i = 0; i < DEPTH; i++)
        stacks[site][i] = 16 * functions[i];
    sites[site].frames = stacks[site];
    sites[site].depth = DEPTH;
    sites[site].live_bytes = live;
}

static const char *name_of(const struct flame_tree *tree, size_t node)
{
    return tree->names[tree->nodes[node].name].function;
}

/* The child of that name; the number of nodes: there is none. */
static size_t child(const struct flame_tree *tree, size_t parent, const char *name)
{
    size_t node = 1;
    while (node < tree->count &&
           (tree->nodes[node].parent != parent || strcmp(name_of(tree, node), name) != 0))
        node++;
    return node;
}

/* Parents come first, and have no less than their children. */
static void check_tree(const struct flame_tree *tree)
{
    double *below = calloc(tree->count, sizeof *below);
    for (size_t i = 1; i < tree->count; i++) {
        CHECK(tree->nodes[i].parent < i && tree->nodes[i].name < tree->name_count);
        below[tree->nodes[i].parent] += tree->nodes[i].bytes[FIGURE_LIVE];
    }
    for (size_t i = 0; i < tree->count; i++)
        CHECK(below[i] <= tree->nodes[i].bytes[FIGURE_LIVE]);
    free(below);
}

static void it_adds_up_what_stacks_share(void **state)
{
    struct named_profile named;
    struct flame_tree tree;
    (void)state;
    make_profile(&named, 4, 3);
    set_site(0, (const size_t[]){2, 1, 0}, 100);
    set_site(1, (const size_t[]){3, 1, 0}, 50);
    set_site(2, (const size_t[]){1, 1, 0}, 7); /* a function that calls itself */
    sites[1].alloc_bytes = 1000;
    flame_tree_make(&tree, &named);
    check_tree(&tree);
    CHECK_EQ(tree.count, 6);
    CHECK(tree.nodes[0].bytes[FIGURE_LIVE] == 157 && strcmp(name_of(&tree, 0), "all") == 0);
    size_t one = child(&tree, child(&tree, 0, "f0"), "f1");
    CHECK(one < tree.count && tree.nodes[one].bytes[FIGURE_LIVE] == 157);
    CHECK(tree.nodes[one].bytes[FIGURE_ALLOCATED] == 1000);
    CHECK(tree.nodes[child(&tree, one, "f2")].bytes[FIGURE_LIVE] == 100);
    CHECK(tree.nodes[child(&tree, one, "f3")].bytes[FIGURE_LIVE] == 50);
    CHECK(tree.nodes[child(&tree, one, "f1")].bytes[FIGURE_LIVE] == 7);
    flame_tree_free(&tree);
}

static void it_folds_what_is_small(void **state)
{
    struct named_profile named;
    struct flame_tree tree;
    (void)state;
    make_profile(&named, 1000, 900);
    set_site(0, (const size_t[]){2, 1, 0}, 10000000);
    for (size_t i = 1; i < 900; i++)
        set_site(i, (const size_t[]){i + 2, i + 2, 0}, 100);
    /* it is small among live bytes, but not among those at the peak */
    sites[5].peak_bytes = 100;
    flame_tree_make(&tree, &named);
    check_tree(&tree);
    size_t outer = child(&tree, 0, "f0");
    CHECK(tree.nodes[child(&tree, outer, "(others)")].bytes[FIGURE_LIVE] == 898 * 100);
    CHECK(child(&tree, outer, "f7") < tree.count && child(&tree, outer, "f8") == tree.count);
    CHECK(tree.least == FLAME_LEAST);
    /* all; f0; f1, f2; f7, f7; others */
    CHECK_EQ(tree.count, 7);
    flame_tree_free(&tree);
}

static void it_has_a_bound(void **state)
{
    struct named_profile named;
    struct flame_tree tree;
    (void)state;
    /* each has a share of 1/1500, and nothing in common with the others but for 20 groups */
    make_profile(&named, FUNCTIONS, SITES);
    for (size_t i = 0; i < SITES; i++)
        set_site(i, (const size_t[]){i, (i * 7 + 3) % FUNCTIONS, i % 20}, i < 1500 ? 1000000 : 1);
    flame_tree_make(&tree, &named);
    check_tree(&tree);
    CHECK(tree.count > 3000 && tree.count <= 20000);
    CHECK(tree.nodes[0].bytes[FIGURE_LIVE] == 1500e6 + (SITES - 1500));
    double sum = 0;
    for (size_t i = 1; i < tree.count; i++)
        if (tree.nodes[i].parent == 0)
            sum += tree.nodes[i].bytes[FIGURE_LIVE];
    CHECK(sum == tree.nodes[0].bytes[FIGURE_LIVE]);
    flame_tree_free(&tree);
}

static void it_leaves_out_the_middle_of_deep_stacks(void **state)
{
    struct named_profile named;
    struct flame_tree tree;
    static const uint64_t place;
    (void)state;
    /* 1,000 functions that were inlined at one address */
    make_profile(&named, 1000, 1);
    first[1] = 1000;
    named.symbols.count = 1;
    sites[0] = (struct site_view){.frames = &place, .depth = 1, .live_bytes = 5};
    flame_tree_make(&tree, &named);
    check_tree(&tree);
    CHECK_EQ(tree.count, 162);
    CHECK(strcmp(name_of(&tree, 1), "f999") == 0);
    CHECK(strcmp(name_of(&tree, 80), "f920") == 0);
    CHECK(strcmp(name_of(&tree, 81), "(functions left out)") == 0);
    CHECK(strcmp(name_of(&tree, 82), "f79") == 0);
    CHECK(strcmp(name_of(&tree, 161), "f0") == 0);
    CHECK(tree.nodes[161].bytes[FIGURE_LIVE] == 5);
    flame_tree_free(&tree);
}

static void it_is_not_confused_by_nothing(void **state)
{
    struct named_profile named;
    struct flame_tree tree;
    (void)state;
    make_profile(&named, 1, 0);
    flame_tree_make(&tree, &named);
    CHECK_EQ(tree.count, 1);
    flame_tree_free(&tree);
    make_profile(&named, 3, 1);
    set_site(0, (const size_t[]){2, 1, 0}, 0); /* all was freed, and nothing counted */
    flame_tree_make(&tree, &named);
    check_tree(&tree);
    flame_tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_adds_up_what_stacks_share),
        cmocka_unit_test(it_folds_what_is_small),
        cmocka_unit_test(it_has_a_bound),
        cmocka_unit_test(it_leaves_out_the_middle_of_deep_stacks),
        cmocka_unit_test(it_is_not_confused_by_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
