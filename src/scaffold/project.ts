import { cFiles } from "./c-project.ts";
import type { ProjectFile, ProjectRequest } from "./common-files.ts";
import { scriptFiles } from "./script-project.ts";

/** Every file of a new project. */
export function projectFiles(request: ProjectRequest): ProjectFile[] {
  return request.language === "c" ? cFiles(request) : scriptFiles(request);
}

/** Whether a name serves as a folder, a package and part of an identifier. */
export function isProjectName(name: string): boolean {
  return /^[a-z][a-z0-9-]{0,60}$/.test(name) && !name.endsWith("-");
}
