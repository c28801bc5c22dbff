/** The files that are published. @module */

import { repository } from "./process.ts";

/** Paths of the TypeScript files in the given folders of the repository and below, in a fixed order. */
export async function sourceFiles(folders: readonly string[]): Promise<string[]> {
  const paths = await Promise.all(folders.map(filesIn));
  return paths.flat().toSorted();
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(new URL(`${folder}/`, repository)));
  const paths = entries.map(({ name, isDirectory }) => {
    if (isDirectory) return filesIn(`${folder}/${name}`);
    return name.endsWith(".ts") ? [`${folder}/${name}`] : [];
  });
  return (await Promise.all(paths)).flat();
}
