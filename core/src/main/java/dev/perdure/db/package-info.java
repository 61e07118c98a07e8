/** The database: transactions, the two dialects, migrations, and hints between nodes. */
@NullMarked
package dev.perdure.db;

import org.jspecify.annotations.NullMarked;
