/* SPDX-License-Identifier: MIT */
/*
 * The unit in which samples are weighed.
 */
#ifndef HAK_WATCH_SAMPLER_H
#define HAK_WATCH_SAMPLER_H

/* Weights are counted in 1/256, so that the part after the point survives. */
#define SAMPLER_ONE 256

#endif
