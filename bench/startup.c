/* SPDX-License-Identifier: MIT */
/*
 * What a program that does nothing pays for its allocator: one block, as any first printf takes,
 * or none at all with BLOCKS 0. The time that counts is the whole process's, taken by the runner.
 */
#include "harness.h"

enum { BLOCKS, PARAMS };

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [BLOCKS] = {"BLOCKS", 1, 0, 1000000, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    double start = harness_now();
    for (uint64_t i = 0; i < params[BLOCKS].value; i++) {
        free(harness_need(malloc(64), 64));
    }
    harness_result("startup", 2 * params[BLOCKS].value, harness_now() - start);
    return 0;
}
