/* SPDX-License-Identifier: MIT */
/*
 * Reads JSON text that may be anything, by way of json-c.
 */
#ifndef HAK_CLI_JSON_H
#define HAK_CLI_JSON_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No number that hakmem writes is larger; sums of a few fit. */
#define JSON_NUMBER_MAX ((uint64_t)1 << 60)

/* The value of a whole text, which json_object_put frees. NULL: it is no JSON, or ends too early.
 */
struct json_object *json_read(const char *text, size_t size, bool *is_cut);
/* A member of an object that is a number from 0 to JSON_NUMBER_MAX. False: there is none. */
bool json_get_number(const struct json_object *object, const char *key, uint64_t *number);
/* A member that is text, cut to `size` bytes with its end; "" where there is none. */
void json_get_text(const struct json_object *object, const char *key, char *text, size_t size);
/* A member that is an array; NULL where there is none. */
struct json_object *json_get_array(const struct json_object *object, const char *key);

#endif
