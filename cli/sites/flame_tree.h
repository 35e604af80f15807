/* SPDX-License-Identifier: MIT */
/*
 * A profile as a tree of callers, for a flame graph. The size of the tree is bounded, however many
 * stacks the profile has: functions that are too small to be seen are added up.
 */
#ifndef HAK_CLI_FLAME_TREE_H
#define HAK_CLI_FLAME_TREE_H

#include "sites/stacks.h"

/* A function that has less than this share of each figure counts among "(others)". */
#define FLAME_LEAST 0.0005

/* One function below its callers, with the bytes that it and its callees asked for. */
struct flame_node {
    uint32_t name;
    uint32_t parent; /* of the root: 0 */
    double bytes[FIGURE_COUNT];
};

/* The name of a function, and the file of its code. */
struct flame_name {
    const char *function;
    const char *module; /* NULL: in no file */
};

/* Purpose: the tree. Invariant: a node comes after its parent, and has no less of any figure than
 * its children together. nodes[0] is the root. The names are the profile's. */
struct flame_tree {
    struct flame_node *nodes;
    size_t count;
    struct flame_name *names;
    size_t name_count;
    double least; /* the share below which functions count among "(others)" */
};

/* Make the tree of a profile whose names are known. */
void flame_tree_make(struct flame_tree *tree, const struct named_profile *named);
void flame_tree_free(struct flame_tree *tree);
/* Is it a figure with bytes of its own? FIGURE_LIFETIME has those of FIGURE_ALLOCATED. */
bool figure_is_own(enum figure figure);

#endif
