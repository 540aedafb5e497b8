// CPlainLua: Lua with its own libraries, against which ours are compared. For tests alone.
#ifndef CPLAINLUA_H
#define CPLAINLUA_H

#include <stddef.h>

typedef struct plain_lua plain_lua;

/// Runs the text, which errors call `name`, as it is. NULL without memory.
plain_lua *plain_lua_run(const char *name, const char *text, size_t length);
void plain_lua_free(plain_lua *lua);

/// What the text returned as a string, or its error. Valid until it is freed; NULL where it is neither.
const char *plain_lua_result(const plain_lua *lua, size_t *length);

#endif
